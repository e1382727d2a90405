"""The event loop of a blocking connection, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, TypeVar

from saga.client.sagas import Sagas as AsyncSagas
from saga.errors import Closed, UsageError

CLOSE_SECONDS_MAX: Final = 15.0
"""Time for the connection to end, after which the thread is left behind."""

Answer = TypeVar("Answer")
Opening = Callable[[], AbstractAsyncContextManager[AsyncSagas]]
Call = Callable[[AsyncSagas], Coroutine[Any, Any, Answer]]


class Running:
    """A connection on an event loop in a thread of its own. Raises what connecting raises."""

    def __init__(self, opening: Opening) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._submitting = threading.Lock()
        self._is_stopping = False
        opened: Future[AsyncSagas] = Future()
        self._thread = threading.Thread(target=self._run, args=(opening, opened), name="saga", daemon=True)
        self._thread.start()
        self._sagas = opened.result()

    @property
    def is_usable(self) -> bool:
        """True if the thread runs, in this process and not in the parent of a fork."""
        return self._thread.is_alive() and self._pid == os.getpid()

    def call(self, call: Call[Answer]) -> Answer:
        """Runs a call on the event loop, and waits for its answer. Raises Closed, and what the call raises."""
        with self._submitting:
            if self._is_stopping:
                raise Closed("this connection was closed")
            future = asyncio.run_coroutine_threadsafe(call(self._sagas), self._loop)
        try:
            return future.result()
        except CancelledError:
            raise Closed("this connection was closed during the call: whether it was carried out is unknown") from None
        finally:
            future.cancel()  # where the waiting was interrupted, as by Ctrl+C

    def stop(self) -> None:
        """Ends the connection and the thread. It does nothing in the child of a fork."""
        if not self.is_usable:
            return
        with self._submitting:  # so that nothing is submitted that the loop does not begin
            if not self._is_stopping:
                self._is_stopping = True
                self._loop.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread:  # a garbage collection may run in any thread
            self._thread.join(CLOSE_SECONDS_MAX)

    def _run(self, opening: Opening, opened: Future[AsyncSagas]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._serve(opening, opened))
            except BaseException as error:
                if opened.done():
                    raise
                opened.set_exception(error)

    async def _serve(self, opening: Opening, opened: Future[AsyncSagas]) -> None:
        async with opening() as sagas:
            opened.set_result(sagas)
            await self._stop.wait()


def refuse_in_a_loop() -> None:
    """Raises UsageError if this thread runs an event loop, which a blocking call would stop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        "this thread runs an event loop, which a blocking call would stop: use async with saga.connect() here"
    )
