"""A connection whose methods block."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, overload
from uuid import UUID

from saga.app import connect as connect_async
from saga.authoring import Definition
from saga.blocking.event_loop import Call, Opening, Running, refuse_in_a_loop
from saga.client.ending import Ending, ResultT, Sent
from saga.client.sagas import Handle as AsyncHandle
from saga.client.sagas import InputT, new_id
from saga.codec.codec import Value
from saga.core.definition.json_value import Json
from saga.errors import Closed
from saga.inspection.actions.request import ActionName, Evidence
from saga.inspection.explanation import Explanation
from saga.inspection.query.search import Searched
from saga.settings import Settings

Answer = TypeVar("Answer")


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

    def send(self, name: str, payload: Value = None, *, id: str | None = None) -> Sent:  # noqa: A002 (the word of the protocol)
        """Sends an event to the saga, see `saga.Sagas.send`."""
        return self._sagas.send(self.id, name, payload, id=id)


class Sagas:
    """A connection to an installation, made by `connect`. The methods do what those of `saga.Sagas` do, and raise the same errors.

    It connects when it is used for the first time, or when its `with` block begins; after a fork the child connects anew. So it may
    be made where a module is imported, also in a server that forks its workers.
    """

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._lock = threading.Lock()
        self._running: Running | None = None
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

    def send(
        self,
        saga: UUID | Handle | tuple[str, str],
        name: str,
        payload: Value = None,
        *,
        id: str | None = None,  # noqa: A002 (the word of the protocol)
    ) -> Sent:
        """Sends an event to a saga: its id, its handle, or its definition and start key; see `saga.Sagas.send`."""
        target = saga.id if isinstance(saga, Handle) else saga
        return self._call(lambda sagas: sagas.send(target, name, payload, id=id))

    def complete(self, token: str, value: Value = None) -> Sent:
        """Ends an external step whose handler has raised `Pending`: it has succeeded; see `saga.Sagas.complete`."""
        return self._call(lambda sagas: sagas.complete(token, value))

    def reject(self, token: str, reason: str) -> Sent:
        """Ends such a step as `Reject` does, see `saga.Sagas.reject`."""
        return self._call(lambda sagas: sagas.reject(token, reason))

    def fail(self, token: str, reason: str) -> Sent:
        """Ends such a step as `GiveUp` does, see `saga.Sagas.fail`."""
        return self._call(lambda sagas: sagas.fail(token, reason))

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

    def _opened(self) -> Running:
        """The connection of this process, which is made if there is none."""
        refuse_in_a_loop()
        with self._lock:
            if self._is_closed:
                raise Closed("this connection was closed: make another one with saga.blocking.connect()")
            if self._running is None or not self._running.is_usable:
                self._running = Running(self._opening)
                weakref.finalize(self, self._running.stop)  # when it is no longer used, and when the program ends
            return self._running

    def _forget(self) -> None:
        """Begins anew in the child after a fork: the thread of the connection is not there, and the lock may be held by another one."""
        if self._running is not None:
            _INHERITED.append(self._running)
        self._lock, self._running = threading.Lock(), None


_ALL: Final[weakref.WeakSet[Sagas]] = weakref.WeakSet()
_INHERITED: Final = list[Running]()
"""Connections of the parent process: freed in the child, they would take part in the parent's event loop, whose epoll they share."""


def _begin_anew() -> None:
    for sagas in _ALL:
        sagas._forget()  # noqa: SLF001 (of this module)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_anew)


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
