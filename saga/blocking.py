"""The connection for code without an event loop: Django, Flask, scripts. Every method blocks the calling thread until it is done.

It is thread-safe: one connection, on an event loop in a thread of its own, serves all threads of a process.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload
from uuid import UUID

from saga.app import connect as connect_async
from saga.authoring import Definition
from saga.client.ending import Ending, ResultT
from saga.client.sagas import Handle as AsyncHandle
from saga.client.sagas import InputT, new_id
from saga.client.sagas import Sagas as AsyncSagas
from saga.codec.codec import Value
from saga.core.definition.json_value import Json
from saga.errors import Closed, UsageError
from saga.inspection.actions.request import ActionName, Evidence
from saga.inspection.explanation import Explanation
from saga.inspection.query.search import Searched
from saga.settings import Settings

CLOSE_SECONDS_MAX: Final = 15.0
"""Time for the connection to end, after which the thread is left behind."""

Answer = TypeVar("Answer")
Opening = Callable[[], AbstractAsyncContextManager[AsyncSagas]]
Call = Callable[[AsyncSagas], Coroutine[Any, Any, Answer]]


class Handle(Generic[ResultT]):
    """A saga that was started. Annotate it to type its result: `handle: Handle[str | None] = sagas.start(...)`."""

    def __init__(self, sagas: Sagas, saga: UUID, *, is_new: bool = False) -> None:
        self._sagas = sagas
        self._is_new = is_new
        self.id = saga
        self.is_new = is_new
        """False if the saga was there before: it was found, or its key or id was known."""

    def __repr__(self) -> str:
        return f"<saga {self.id}>"

    def result(self, timeout_seconds: float | None = None) -> Ending[ResultT]:
        """Waits until the saga has ended.

        Raises:
            TimeoutError: it has not ended in that time; it goes on.
            NotFound: the saga does not exist, or was purged.
        """
        is_new, self._is_new = self._is_new, False
        return self._sagas._call(  # noqa: SLF001 (of this module)
            lambda sagas: AsyncHandle[ResultT](sagas, self.id, is_new=is_new).result(timeout_seconds)
        )


class Sagas:
    """A connection to an installation, made by `connect`. The methods do what those of `saga.Sagas` do, and raise the same errors.

    It connects when it is used for the first time, or when its `with` block begins; after a fork the child connects anew. So it may
    be made where a module is imported, also in a server that forks its workers.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._is_closed = False
        _ALL.add(self)

    def __enter__(self) -> Self:
        self._opened()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; calls of other threads that are under way raise Closed. It may be called twice."""
        with self._lock:
            running, self._running, self._is_closed = self._running, None, True
        if running is not None:
            running.stop()

    def new_id(self) -> UUID:
        """An id for a saga that is about to be started; it contains the time."""
        return new_id()

    def register(self, definition: Definition, *, activate: bool = True, overwrite: bool = False) -> int:
        """Checks a definition against the published contracts and stores it, see `saga.Sagas.register`."""
        return self._call(lambda sagas: sagas.register(definition, activate=activate, overwrite=overwrite))

    @overload
    def start(
        self,
        definition: Definition[InputT],
        input: InputT | Mapping[str, Value] | None = None,
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle: ...

    @overload
    def start(
        self,
        definition: str,
        input: Value = None,
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle: ...

    def start(
        self,
        definition: Definition | str,
        input: Value = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle:
        """Starts a saga, see `saga.Sagas.start`. It is durable when this returns."""
        started = self._call(lambda sagas: sagas.start(definition, input, key=key, version=version, tags=tags))
        return Handle(self, started.id, is_new=started.is_new)

    def start_as(
        self,
        saga: UUID | None,
        definition: str,
        input: Value = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle:
        """Starts a saga under an id that the caller has made, see `saga.Sagas.start_as`."""
        started = self._call(lambda sagas: sagas.start_as(saga, definition, input, key=key, version=version, tags=tags))
        return Handle(self, started.id, is_new=started.is_new)

    def find(self, definition: Definition | str, key: str) -> Handle:
        """Finds the saga that was started with this key. Raises NotFound."""
        return Handle(self, self._call(lambda sagas: sagas.find(definition, key)).id)

    def handle(self, saga: UUID) -> Handle:
        """The handle of a saga that was started before."""
        return Handle(self, saga)

    def search(self, query: str = "", *, limit: int = 50, cursor: str | None = None) -> Searched:
        """Finds the sagas that pass a query, see `saga.Sagas.search`."""
        return self._call(lambda sagas: sagas.search(query, limit=limit, cursor=cursor))

    def why(self, saga: UUID) -> Explanation:
        """Explains what a saga waits for, see `saga.Sagas.why`."""
        return self._call(lambda sagas: sagas.why(saga))

    def plan(
        self, saga: UUID, action: ActionName, *, step: str | None = None, evidence: Evidence | None = None
    ) -> Mapping[str, Json]:
        """Plans an action of an operator and changes nothing, see `saga.Sagas.plan`."""
        return self._call(lambda sagas: sagas.plan(saga, action, step=step, evidence=evidence))

    def act(  # noqa: PLR0913 (what an action has)
        self,
        saga: UUID,
        action: ActionName,
        *,
        reason: str,
        step: str | None = None,
        evidence: Evidence | None = None,
        expected_plan: str | None = None,
        request: str | None = None,
    ) -> None:
        """Carries out an action of an operator, see `saga.Sagas.act`."""
        self._call(
            lambda sagas: sagas.act(
                saga, action, reason=reason, step=step, evidence=evidence, expected_plan=expected_plan, request=request
            )
        )

    def _call(self, call: Call[Answer]) -> Answer:
        return self._opened().call(call)

    def _opened(self) -> _Running:
        """The connection of this process, which is made if there is none."""
        _refuse_in_a_loop()
        with self._lock:
            if self._is_closed:
                raise Closed("this connection was closed: make another one with saga.blocking.connect()")
            if self._running is None or not self._running.is_usable:
                self._running = _Running(self._opening)
                weakref.finalize(self, self._running.stop)  # when it is no longer used, and when the program ends
            return self._running

    def _forget(self) -> None:
        """Begins anew in the child after a fork: the thread of the connection is not there, and the lock may be held by another one."""
        if self._running is not None:
            _INHERITED.append(self._running)
        self._lock, self._running = threading.Lock(), None


class _Running:
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
        return self._thread.is_alive() and self._pid == os.getpid()

    def call(self, call: Call[Answer]) -> Answer:
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


_ALL: Final[weakref.WeakSet[Sagas]] = weakref.WeakSet()
_INHERITED: Final = list[_Running]()
"""Connections of the parent process: freed in the child, they would take part in the parent's event loop, whose epoll they share."""


def _begin_anew() -> None:
    for sagas in _ALL:
        sagas._forget()  # noqa: SLF001 (of this module)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_anew)


def _refuse_in_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        "this thread runs an event loop, which a blocking call would stop: use async with saga.connect() here"
    )


@overload
def connect(
    *,
    store: str | None = None,
    bus: str | None = None,
    namespace: str | None = None,
    settings: Settings | None = None,
    name: str | None = None,
) -> Sagas: ...


@overload
def connect(*, api: str, token: str | None = None) -> Sagas: ...


def connect(**given: Any) -> Sagas:
    """Makes a connection that blocks, with the arguments of `saga.connect`. Close it, or use it as a context manager.

    Raises:
        UsageError: arguments that do not go together. Every other error of connecting is raised by the first use.
    """
    connect_async(**given)
    return Sagas(lambda: connect_async(**given))
