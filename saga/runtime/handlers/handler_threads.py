"""Threads for synchronous handlers."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Final

from saga.codec.codec import Value
from saga.logger import get_logger
from saga.runtime.handlers.context import Context

RETRY_SECONDS: Final = 0.5
"""Pause before another attempt to start a thread, while the operating system refuses one."""
_numbers: Final = itertools.count(1)

Places = Callable[[int], None]


class ThreadCall:
    """One call of a synchronous handler. `began_at`: when its thread began it, on the monotonic clock; None before that."""

    __slots__ = ("began_at", "context", "ended", "error", "function", "is_ended", "is_hung", "value")

    def __init__(self, function: Callable[[], Value], context: Context, ended: asyncio.Future[None]) -> None:
        self.function: Callable[[], Value] = function
        self.context: Context = context
        self.ended: asyncio.Future[None] = ended
        self.value: Value = None
        self.error: BaseException | None = None
        self.began_at: float | None = None
        self.is_ended: bool = False
        self.is_hung: bool = False

    def left_seconds(self, timeout_seconds: float) -> float:
        """The part of the timeout that is left; all of it until the thread has begun."""
        return timeout_seconds - (0.0 if self.began_at is None else time.monotonic() - self.began_at)


class HandlerThreads:
    """The threads in which the synchronous handlers of one participant run, each handler in a thread of its own.

    There are as many as handlers run at once, so that none waits for a thread. They are daemons: a handler that hangs does not keep
    its process from ending. A handler that goes on after its attempt has ended is counted as hung until its thread is free again;
    `occupy` is called with 1 when it is counted, and with -1 when its thread is free.
    """

    def __init__(self, service: str, occupy: Places) -> None:
        self._service = service
        self._occupy = occupy
        self._loop = asyncio.get_running_loop()
        self._idle: list[_HandlerThread] = []
        self._is_closed = False
        self._log = get_logger("saga.participant")
        self.hung: int = 0

    async def acquire(self) -> _HandlerThread:
        """Returns a thread that is free. Waits only while the operating system refuses to start another one."""
        while True:
            if self._idle:
                return self._idle.pop()
            try:
                return _HandlerThread(self._service, self._finish)
            except RuntimeError as error:
                self._log.error("cannot start a thread, waiting", service=self._service, error=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    def begin(self, thread: _HandlerThread, function: Callable[[], Value], context: Context) -> ThreadCall:
        """Runs a function in this thread, with the context variables of the caller. `answer` must follow."""
        variables = copy_context()
        call = ThreadCall(lambda: variables.run(function), context, self._loop.create_future())
        thread.calls.put(call)
        return call

    async def answer(self, call: ThreadCall) -> Value:
        """Returns what the function returns, or raises what it raises. When cancelled, the function goes on, and its answer is ignored."""
        try:
            await call.ended
        except asyncio.CancelledError:
            self._leave_behind(call)
            raise
        error, call.error = call.error, None
        try:
            if error is not None:
                raise error
            return call.value
        finally:
            del error  # its traceback contains this frame: no cycle is left to the garbage collector

    def close(self) -> None:
        """Ends the threads; those that are busy end after their handlers."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().calls.put(None)

    def _finish(self, thread: _HandlerThread, call: ThreadCall) -> None:
        call.is_ended = True
        if not call.ended.done():
            call.ended.set_result(None)
        if call.is_hung:
            self.hung -= 1
            self._log.info("hung handler has ended", **self._described(call))
            self._occupy(-1)
        if self._is_closed:
            thread.calls.put(None)
        else:
            self._idle.append(thread)

    def _leave_behind(self, call: ThreadCall) -> None:
        if call.is_ended:
            return
        call.is_hung = True
        self.hung += 1
        self._log.warning("handler goes on in its thread after its attempt has ended", **self._described(call))
        self._occupy(1)

    def _described(self, call: ThreadCall) -> dict[str, object]:
        began_at = call.began_at
        return {
            "service": self._service,
            "saga": str(call.context.saga_id),
            "step": call.context.step,
            "operation": call.context.operation.name.lower(),
            "seconds": 0.0 if began_at is None else round(time.monotonic() - began_at, 1),
            "hung": self.hung,
        }


class _HandlerThread(Thread):
    """Runs one call after the other, until it gets None."""

    def __init__(self, service: str, finished: Callable[[_HandlerThread, ThreadCall], None]) -> None:
        super().__init__(name=f"saga-handler_{service}_{next(_numbers)}", daemon=True)
        self.calls: SimpleQueue[ThreadCall | None] = SimpleQueue()
        self._finished = finished
        self._loop = asyncio.get_running_loop()
        self.start()

    def run(self) -> None:
        while (call := self.calls.get()) is not None:
            call.began_at = time.monotonic()
            try:
                call.value = call.function()
            except BaseException as error:  # noqa: BLE001 (it is raised on the event loop)
                call.error = error
            try:
                self._loop.call_soon_threadsafe(self._finished, self, call)
            except RuntimeError:  # the event loop has ended, and nobody waits for the answer
                return
            del call
