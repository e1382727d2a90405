"""An event loop on virtual time: production code runs unmodified, no real time passes, and every run is identical.

It has no sockets, signals or threads. When nothing is ready, the clock jumps to the next timer. A task belongs to a `Host` or to none; a
host can be frozen (its calls and timers are withheld) and killed (they are dropped), as a machine can.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

Result = TypeVar("Result")
Values = TypeVarTuple("Values")

CALLS_PER_MOMENT_MAX: Final = 200_000  # more are an endless loop that never waits
TICK_SECONDS: Final = 1e-6  # the shortest wait: a pause that rounds to zero would never end
ROUNDS_MAX: Final = 50


class Standstill(Exception):
    """Nothing is ready and no timer is set: the awaited event can never come."""


class Host:
    """A machine, or a process on it. Tasks and timers that its code creates belong to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_frozen = False
        self.is_dead = False
        self.withheld: list[asyncio.Handle] = []

    def __repr__(self) -> str:
        return f"<host {self.name}>"


_host: Final[ContextVar[Host | None]] = ContextVar("host", default=None)
OUTSIDE: Final = Context()  # the context of what belongs to no host


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. `time()` begins at 0 and is the same in every run of the same program."""

    _ready: deque[Any]  # handles, whose context and `_run` the type stubs do not know
    _scheduled: list[asyncio.TimerHandle]
    _stopping: bool

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._calls = 0
        self._hosts: dict[Host, None] = {}
        self._left: list[set[asyncio.Task[object]]] = []
        self.set_exception_handler(_report_nothing)

    def time(self) -> float:
        """The virtual time."""
        return self._now

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Values]], object],
        *args: *Values,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Calls at a virtual time: at least one tick from now, so that a loop of zero delays makes time pass."""
        return self.call_at(self._now + max(delay, TICK_SECONDS), callback, *args, context=context)

    def run_as(self, host: Host, coroutine: Coroutine[None, None, None]) -> None:
        """Starts a task that belongs to this host, as does everything that it creates."""
        self._hosts[host] = None
        context = copy_context()
        context.run(_host.set, host)
        self._left.append({self.create_task(coroutine, context=context)})

    def run_outside(self, coroutine: Coroutine[None, None, Result]) -> asyncio.Task[Result]:
        """Starts a task that belongs to no host, such as a server's work on a request, which continues when the client dies."""
        return self.create_task(coroutine, context=OUTSIDE.copy())

    def begin_outside(self, coroutine: Coroutine[None, None, None]) -> None:
        """The same, without a result."""
        self._left.append({self.run_outside(coroutine)})

    def ask(self, coroutine: Coroutine[None, None, Result]) -> asyncio.Future[Result]:
        """Sends a request to a server. Its work continues if the caller is cancelled or dies."""
        answer: asyncio.Future[Result] = self.create_future()
        self.run_outside(coroutine).add_done_callback(lambda task: _pass_on(task, answer))
        return answer

    def freeze(self, host: Host) -> None:
        """Stops everything on this host until `thaw`."""
        host.is_frozen = True

    def thaw(self, host: Host) -> None:
        """Runs what was withheld, in the original order."""
        host.is_frozen = False
        self._ready.extend(host.withheld)
        host.withheld.clear()

    def kill(self, host: Host) -> None:
        """Ends everything on this host; not even a `finally` runs."""
        host.is_dead = host.is_frozen = True
        # kept until `end`, so that the garbage collector finalizes nothing in between
        self._left.append(asyncio.all_tasks(self))

    def end(self) -> None:
        """Stops all remaining tasks, including those of killed hosts, and closes the loop."""
        for host in self._hosts:
            self.thaw(host)
        self._calls = 0
        for _ in range(ROUNDS_MAX):
            left = asyncio.all_tasks(self)
            if not left:
                break
            for task in left:
                task.cancel()
            self.call_soon(self.stop, context=OUTSIDE.copy())
            self.run_forever()
        self._left.clear()
        self.close()

    def _run_once(self) -> None:
        ready, timers = self._ready, self._scheduled
        while timers and timers[0].cancelled():
            heapq.heappop(timers)
        if not ready:
            self._jump(timers)
        while timers and timers[0].when() <= self._now:
            ready.append(heapq.heappop(timers))
        self._calls += len(ready)
        if self._calls > CALLS_PER_MOMENT_MAX:
            raise Standstill(f"{self._calls:,} calls at {self._now:.3f} s: an endless loop that never waits")
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle.cancelled():
                continue
            host: Host | None = handle._context.get(_host)  # noqa: SLF001 (running handles is the job of a loop)
            if host is None or not host.is_frozen:
                handle._run()  # noqa: SLF001
            else:
                host.withheld.append(handle)

    def _jump(self, timers: list[asyncio.TimerHandle]) -> None:
        if self._stopping:
            return
        if not timers:
            raise Standstill("nothing is ready and no timer is set")
        if timers[0].when() > self._now:
            self._now = timers[0].when()
            self._calls = 0

    # -- required by the base class for loops with a selector --------------------------------------------------------------

    def _process_events(self, _: object) -> None:
        """Ignores events: there are none."""

    def _write_to_self(self) -> None:
        """Wakes nothing: there are no threads."""

    def _timer_handle_cancelled(self, _: asyncio.TimerHandle) -> None:
        """Leaves the timer in place: it is skipped when its time comes."""


def _pass_on(task: asyncio.Task[Result], answer: asyncio.Future[Result]) -> None:
    error = None if task.cancelled() else task.exception()
    if answer.done():
        return
    if task.cancelled():
        answer.cancel()
    elif error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(task.result())


def current_host() -> Host | None:
    """The host of the running code."""
    return _host.get()


def host_of(handle: asyncio.Handle) -> Host | None:
    """The host to which a call or a timer belongs."""
    context: Context = handle._context  # type: ignore[attr-defined]  # noqa: SLF001 (the type stubs do not know it)
    return context.get(_host)


def _report_nothing(_: asyncio.AbstractEventLoop, __: dict[str, Any]) -> None:
    """Ignores errors of tasks that a killed host left behind."""
