"""The time limit of one call of a handler, and the driver of a coroutine that can be left where it waits."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Awaitable, Generator
from functools import partial
from types import CoroutineType
from typing import Any, Final, TypeAlias
from weakref import WeakSet

from saga.codec.codec import Value
from saga.runtime.handlers.handler_threads import ThreadCall
from saga.runtime.handlers.user_code import frames_of, user_line, waiting_coroutines
from saga.runtime.timing.coarse_timers import CoarseTimers

UNWIND_SECONDS: Final = 2.0
"""Time for a handler to end after it was cancelled. Then it is left where it waits, and never goes on."""
_stopped: Final[WeakSet[asyncio.Task[None]]] = WeakSet()
_Waiting: TypeAlias = "asyncio.Future[object] | None"


def stop(task: asyncio.Task[None]) -> None:
    """Ends the attempt that this task makes: at a shutdown, or because the claim is lost."""
    _stopped.add(task)
    task.cancel("the attempt is over")


class TimeLimit:
    """Cancels the task of a handler at its timeout; if the handler has not ended `UNWIND_SECONDS` later, it is left.

    Replaces asyncio.timeout for the one case that the hot path needs: 1 us instead of 16.
    """

    __slots__ = (
        "_before",
        "_cancels",
        "_seconds",
        "_task",
        "_tick",
        "_timers",
        "call",
        "is_expired",
        "is_left",
        "is_unwinding",
        "left_at",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, timers: CoarseTimers[TimeLimit], seconds: float) -> None:
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 (a handler runs in a task)
        self._task = task
        self._timers = timers
        self._seconds = seconds
        self._before = task.cancelling()
        self._cancels = 0
        self.call: ThreadCall | None = None
        self.is_expired: bool = False
        self.is_unwinding: bool = False
        self.is_left: bool = False
        self.left_at: str | None = None
        self._tick: int = timers.add(self, seconds)

    def due(self) -> None:
        """The timeout, or the time to unwind, has passed."""
        if self.is_unwinding:
            self.is_left = True
        elif self.call is not None and (left_seconds := self.call.left_seconds(self._seconds)) > 0:
            self._tick = self._timers.add(self, left_seconds)  # its thread began late: the timeout counts from then
            return
        else:
            self.is_expired = True
            self._unwind()
        self._cancels += 1
        self._task.cancel()

    def unwind_if_stopped(self) -> None:
        """Lets the handler clean up after `stop`."""
        if self._task in _stopped:
            self._unwind()

    def _unwind(self) -> None:
        if not self.is_unwinding:
            self.is_unwinding = True
            self._timers.discard(self._tick, self)
            self._tick = self._timers.add(self, UNWIND_SECONDS)

    def raise_if_expired(self) -> None:
        """Turns our own cancellation into a TimeoutError. Any other cancellation stays one."""
        self._uncancel()
        if self.is_expired and self._task.cancelling() == 0:
            raise TimeoutError("the handler ignores its cancellation" if self.is_left else "")

    def end(self) -> bool:
        """The handler has ended. A cancellation that it has swallowed, or asked for, must not count against what follows.

        Returns whether it may have cancelled its own task without being told so yet; then `forget_cancellation` must follow.
        """
        self._timers.discard(self._tick, self)
        return self._uncancel()

    def _uncancel(self) -> bool:
        """Takes back every cancellation since the beginning except that of `stop`. Returns whether there were others than ours."""
        if self._cancels == 0 and self._task.cancelling() == self._before:  # as after nearly every call
            return False
        ours, self._cancels = self._cancels, 0
        cancels = ours if self._task in _stopped else self._task.cancelling() - self._before
        for _ in range(cancels):
            self._task.uncancel()
        return cancels > ours

    async def forget_cancellation(self) -> None:
        """Waits for one turn: a task is told of its cancellation when it waits, before Python 3.13 also of one that was taken back."""
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            if self._task.cancelling():
                raise  # meanwhile it was stopped


class Steered:
    """Runs a coroutine step by step, so that it can be left where it waits: a coroutine that swallows its cancellation never ends.

    It costs a fraction of a microsecond each time the coroutine waits; a task of its own costs tens.
    """

    __slots__ = ("_coroutine", "_limit")

    def __init__(self, answer: Awaitable[Value], limit: TimeLimit) -> None:
        self._coroutine = answer if type(answer) is CoroutineType else _awaited(answer)
        self._limit = limit

    def __await__(self) -> Generator[_Waiting, None, Value]:
        steps: Any = self._coroutine.__await__()
        send = steps.send
        try:
            waiting = send(None)
            while True:
                try:
                    if waiting is None or type(waiting) is asyncio.Future:
                        yield waiting
                    else:
                        yield from self._until_done(waiting)
                except BaseException as error:
                    if self._limit.is_left:
                        self._leave(steps)
                        raise
                    self._limit.unwind_if_stopped()
                    waiting = steps.throw(error)
                else:
                    waiting = send(None)
        except StopIteration as end:
            return end.value

    def _until_done(self, inner: asyncio.Future[object]) -> Generator[_Waiting, None, None]:
        """Waits for a task, or for another future that may go on after it was cancelled, in a way that can be left."""
        inner._asyncio_future_blocking = False  # noqa: SLF001 (what a task does that waits for a future)
        while not inner.done():
            turn: asyncio.Future[None] = inner.get_loop().create_future()
            inner.add_done_callback(partial(_wake, turn))
            try:
                yield from turn
            except asyncio.CancelledError as error:
                if self._limit.is_left or not inner.cancel(*error.args):
                    raise
                self._limit.unwind_if_stopped()

    def _leave(self, steps: Any) -> None:
        waiting = list(waiting_coroutines(self._coroutine))
        self._limit.left_at = user_line(frames_of(waiting))
        try:
            steps.close()
        except BaseException:  # noqa: BLE001 (it swallows this, too)
            for each in waiting:
                _keep_for_ever(each)


def _keep_for_ever(coroutine: object) -> None:
    """Python runs a coroutine once more when it frees it, at the latest when the interpreter ends. This one would not end then, too."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(coroutine))


async def _awaited(answer: Awaitable[Value]) -> Value:
    return await answer


def _wake(turn: asyncio.Future[None], _: object) -> None:
    if not turn.done():
        turn.set_result(None)
