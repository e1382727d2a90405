"""Calls a handler function, within its step's timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Final

from saga.codec.codec import Value
from saga.logger import get_logger
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_function import HandlerFunction
from saga.runtime.handlers.handler_threads import HandlerThreads
from saga.runtime.handlers.time_limit import Steered, TimeLimit
from saga.runtime.timing.coarse_timers import CoarseTimers

TIMEOUT_TICK_SECONDS: Final = 0.02


class HandlerCaller:
    """Runs asynchronous functions on the event loop and synchronous ones in `threads`."""

    __slots__ = ("_loop", "_threads", "_timeouts")

    def __init__(self, threads: HandlerThreads) -> None:
        self._threads = threads
        self._loop = asyncio.get_running_loop()  # kept, because asking for it is a system call
        self._timeouts: CoarseTimers[TimeLimit] = CoarseTimers(TIMEOUT_TICK_SECONDS, TimeLimit.due)

    async def call(
        self, function: HandlerFunction, values: tuple[Value, ...], context: Context, timeout_seconds: float
    ) -> Value:
        """Runs a handler function. The timeout counts from when the function begins.

        A synchronous function that times out goes on in its thread, and its result is ignored. An asynchronous one is cancelled; if it
        does not end within `UNWIND_SECONDS` after that, it is left where it waits.

        Raises:
            TimeoutError: it took longer than the step's timeout.
        """
        thread = None if function.is_async else await self._threads.acquire()
        limit = TimeLimit(self._loop, self._timeouts, timeout_seconds)
        try:
            if thread is None:
                answer = function.call(values, context)
            else:
                limit.call = self._threads.begin(thread, partial(function.call, values, context), context)
                answer = await self._threads.answer(limit.call)
            # A decorator may return either
            return await Steered(answer, limit) if isinstance(answer, Awaitable) else answer
        except asyncio.CancelledError:
            if limit.is_left:
                _log_left(function, context, limit)
            limit.raise_if_expired()
            raise
        finally:
            if limit.end():
                await limit.forget_cancellation()


def _log_left(function: HandlerFunction, context: Context, limit: TimeLimit) -> None:
    get_logger("saga.participant").error(
        "handler ignores its cancellation, leaving it where it waits",
        saga=str(context.saga_id),
        step=context.step,
        operation=context.operation.name.lower(),
        handler=function.place,
        line=limit.left_at,
    )
