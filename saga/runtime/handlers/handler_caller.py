"""Calls a handler function, within its step's timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final

from saga.codec.codec import Value
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_function import HandlerFunction
from saga.runtime.timing.coarse_timers import CoarseTimers

TIMEOUT_TICK_SECONDS: Final = 0.02


class HandlerCaller:
    """Runs asynchronous functions on the event loop and synchronous ones in `threads`."""

    __slots__ = ("_loop", "_threads", "_timeouts")

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._loop = asyncio.get_running_loop()  # kept, because asking for it is a system call
        self._timeouts: CoarseTimers[_TimeLimit] = CoarseTimers(TIMEOUT_TICK_SECONDS, _TimeLimit.expire)

    async def call(
        self, function: HandlerFunction, values: tuple[Value, ...], context: Context, timeout_seconds: float
    ) -> Value:
        """Runs a handler function. A synchronous one that times out goes on in its thread, and its result is ignored.

        Raises:
            TimeoutError: it took longer than the step's timeout.
        """
        limit = _TimeLimit(self._loop)
        tick = self._timeouts.add(limit, timeout_seconds)
        try:
            if function.is_async:
                answer = function.call(values, context)
            else:
                run = copy_context().run
                answer = await self._loop.run_in_executor(self._threads, run, function.call, values, context)
            return await answer if isinstance(answer, Awaitable) else answer  # a decorator may return either
        except asyncio.CancelledError:
            limit.raise_if_expired()
            raise
        finally:
            self._timeouts.discard(tick, limit)
            limit.end()


class _TimeLimit:
    """Replaces asyncio.timeout for the one case that the hot path needs: 1 us instead of 16."""

    __slots__ = ("is_expired", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 (a handler runs in a task)
        self.task = task
        self.is_expired = False

    def expire(self) -> None:
        self.is_expired = True
        self.task.cancel()

    def raise_if_expired(self) -> None:
        """Turns our own cancellation into a TimeoutError. Any other cancellation stays one."""
        if self.is_expired:
            self.is_expired = False
            if self.task.uncancel() == 0:
                raise TimeoutError

    def end(self) -> None:
        if self.is_expired:  # the handler has swallowed the cancellation: it must not count against what follows
            self.task.uncancel()
