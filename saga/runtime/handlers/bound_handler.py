"""A handler as this process serves it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Final

from saga.core.state.mode import Mode
from saga.ports.journal import Journal
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.participant import Callee, StepHandler, Value
from saga.runtime.timing.coarse_timers import CoarseTimers
from saga.runtime.timing.fair_gate import FairGate

LIMIT_TICK_SECONDS: Final = 0.02


@dataclass(slots=True)
class BoundHandler:
    """A handler with its mode, its journal (journaled steps) and the threads for synchronous functions."""

    handler: StepHandler
    mode: Mode
    journal: Journal | None
    threads: ThreadPoolExecutor
    slots: FairGate  # of its participant: how many handlers of it run at once
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)  # asking for it is a system call
    limits: CoarseTimers[_TimeLimit] = field(default_factory=lambda: CoarseTimers(LIMIT_TICK_SECONDS, _TimeLimit.reach))

    async def call(self, callee: Callee, values: tuple[Value, ...], context: Context, timeout_seconds: float) -> Value:
        """Run a handler function. A synchronous one runs in a thread; when its time is over it goes on there, unheard.

        Raises:
            TimeoutError: it took longer than the step's timeout.
        """
        limit = _TimeLimit(self.loop)
        tick = self.limits.add(limit, timeout_seconds)
        try:
            if callee.is_async:
                return await callee.call(values, context)
            return await self.loop.run_in_executor(self.threads, copy_context().run, callee.call, values, context)
        except asyncio.CancelledError:
            limit.raise_if_over()
            raise
        finally:
            self.limits.discard(tick, limit)
            limit.end()


class _TimeLimit:
    """What asyncio.timeout does, for the one case that is needed on the hot path: 1 us instead of 16."""

    __slots__ = ("is_over", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 (a handler runs in a task)
        self.task = task
        self.is_over = False

    def reach(self) -> None:
        """The time is over."""
        self.is_over = True
        self.task.cancel()

    def raise_if_over(self) -> None:
        """Turn our own cancellation into a TimeoutError; somebody else's stays one."""
        if self.is_over:
            self.is_over = False
            if self.task.uncancel() == 0:
                raise TimeoutError

    def end(self) -> None:
        if self.is_over:  # the handler has swallowed it: it must not count against what follows
            self.task.uncancel()
