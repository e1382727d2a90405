"""The event loop of a harness: virtual time that leaps over everything that would only tick, and threads for synchronous handlers."""

from __future__ import annotations

import asyncio
import math
import random
import threading
from asyncio import tasks
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context, ContextVar
from typing import Final, NoReturn, Protocol, TypeVar, TypeVarTuple, Unpack

from saga.errors import UsageError
from saga.testing.clocks.virtual_loop import VirtualLoop, host_of

Result = TypeVar("Result")
Values = TypeVarTuple("Values")
SEED: Final = 20_060_816
is_background: Final[ContextVar[bool]] = ContextVar("is_background", default=False)
"""True in the loops that a process runs for ever: heartbeats, scans, renewals. Time does not pass for their sake."""


class Nothing(Exception):
    """Nothing can happen any more."""


class Moments(Protocol):
    """Decides how far time may leap."""

    def leap_to(self, handler_at: float, test_at: float) -> float:
        """Returns the time up to which nothing but ticks can happen. The arguments: the first timers of handlers and of the test.

        Raises:
            Nothing: nothing else can happen, ever.
        """


class InnerLoop(VirtualLoop):
    """Runs within another event loop, or within none, on the same thread. Only while it runs does its time pass."""

    def __init__(self, moments: Moments, refuse: Callable[[str], None]) -> None:
        super().__init__()
        self._moments = moments
        self._refuse = refuse
        self._threads = 0  # those that work for this loop
        self._woken = threading.Event()
        self._is_enough: Callable[[], bool] | None = None
        self._random = random.Random(SEED).getstate()  # noqa: S311 (the same run every time)

    def run_until(self, is_enough: Callable[[], bool]) -> None:
        """Runs until a condition holds. Raises what the condition raises, Nothing, and UsageError: it runs already."""
        if self.is_running():
            message = "the harness is awaited in a handler or a condition: await it in the test itself"
            self._refuse(message)
            raise UsageError(message)
        if is_enough():
            return
        self._is_enough = is_enough
        try:
            with self._own_random(), _apart():
                self.run_forever()
        finally:
            self._is_enough = None

    def end_apart(self) -> None:
        """Ends everything, and closes the loop."""
        with self._own_random(), _apart():
            self.end()

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """Draws the jitter of retries from a sequence of its own, and leaves that of the test alone."""
        before = random.getstate()
        random.setstate(self._random)
        try:
            yield
        finally:
            self._random = random.getstate()
            random.setstate(before)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Values]], Result], *args: *Values
    ) -> asyncio.Future[Result]:
        """Runs a function in a thread. Time stands still meanwhile."""
        self._threads += 1
        answer = super().run_in_executor(executor, func, *args)
        answer.add_done_callback(self._thread_ended)
        return answer

    def _thread_ended(self, _: object) -> None:
        self._threads -= 1

    async def create_connection(self, *_: object, **__: object) -> NoReturn:
        """Refuses: there is no network on virtual time."""
        self._no_network()

    async def sock_connect(self, *_: object, **__: object) -> NoReturn:
        """Refuses: there is no network on virtual time."""
        self._no_network()

    def _no_network(self) -> NoReturn:
        message = "it opened a network connection, and the harness has no network: script this handler"
        self._refuse(message)
        raise ConnectionError(message)

    def _run_once(self) -> None:
        super()._run_once()
        if self._is_enough is not None and self._is_enough():
            self.stop()

    def _jump(self, timers: list[asyncio.TimerHandle]) -> None:
        if self._stopping:
            return
        while self._threads and not self._ready:
            self._woken.wait()
            self._woken.clear()
        if self._ready:
            return
        awaited = [timer for timer in timers if not (timer.cancelled() or is_tick(timer))]
        handler_at = min((timer.when() for timer in awaited if host_of(timer) is not None), default=math.inf)
        test_at = min((timer.when() for timer in awaited if host_of(timer) is None), default=math.inf)
        target = self._moments.leap_to(handler_at, test_at)
        if timers and self._now < target > timers[0].when():
            self._now, self._calls = target, 0
            return
        super()._jump(timers)

    def _write_to_self(self) -> None:
        """A thread has an answer."""
        self._woken.set()


def is_tick(timer: asyncio.TimerHandle) -> bool:
    """True for a timer of a loop that a process runs for ever."""
    context: Context = timer._context  # type: ignore[attr-defined]  # noqa: SLF001 (the type stubs do not know it)
    return context.get(is_background, False)


@contextmanager
def _apart() -> Iterator[None]:
    """Steps out of the running event loop, so that another one can run on this thread, and back into it at the end."""
    loop = asyncio._get_running_loop()  # noqa: SLF001 (for event loops)
    if loop is None:
        yield
        return
    task = asyncio.current_task(loop)
    if task is not None:
        tasks._leave_task(loop, task)  # noqa: SLF001 (documented, for other kinds of tasks)
    asyncio._set_running_loop(None)  # noqa: SLF001
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)  # noqa: SLF001
        if task is not None:
            tasks._enter_task(loop, task)  # noqa: SLF001
