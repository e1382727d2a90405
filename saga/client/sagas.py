"""Starts sagas and waits for them: the interface of every connection, and the handle of one saga."""

from __future__ import annotations

import asyncio
import os
import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Generic, Protocol, overload
from uuid import UUID

from typing_extensions import TypeVar

from saga.authoring import Definition
from saga.client.ending import Ending, ResultT, Sent
from saga.codec.codec import Value
from saga.core.definition.json_value import Json
from saga.core.ids import RANDOM_BYTES, uuid7
from saga.inspection.actions.request import ActionName, Evidence
from saga.inspection.explanation import Explanation
from saga.inspection.query.search import Searched

InputT = TypeVar("InputT", default=Value)


def new_id() -> UUID:
    """An id for a saga that is about to be started; it contains the time."""
    return uuid7(int(time.time() * 1000), os.urandom(RANDOM_BYTES))


class Handle(Generic[ResultT]):
    """A saga that was started. Annotate it to type its result: `handle: Handle[str | None] = await sagas.start(...)`."""

    def __init__(self, sagas: Sagas, saga: UUID, *, is_new: bool = False) -> None:
        self._sagas = sagas
        self._is_new = is_new
        self.id = saga
        self.is_new = is_new
        """False if the saga was there before: it was found, or its key or id was known."""

    def __repr__(self) -> str:
        return f"<saga {self.id}>"

    async def result(self, timeout_seconds: float | None = None) -> Ending[ResultT]:
        """Waits until the saga has ended.

        Raises:
            TimeoutError: it has not ended in that time; it goes on.
            NotFound: the saga does not exist, or was purged.
        """
        is_new, self._is_new = self._is_new, False
        waiting = self._sagas.wait(self.id, is_new=is_new)
        return await (waiting if timeout_seconds is None else asyncio.wait_for(waiting, timeout_seconds))

    async def send(self, name: str, payload: Value = None, *, id: str | None = None) -> Sent:  # noqa: A002 (the word of the protocol)
        """Sends an event to the saga. See `Sagas.send`."""
        return await self._sagas.send(self.id, name, payload, id=id)


class Sagas(Protocol):
    """A connection to an installation: over its store, or over its HTTP API without credentials of the store. See `saga.connect`.

    Every method raises Unavailable if the other side does not answer; then it is unknown whether what was asked for was done. Over the
    API every method raises AccessRefused if the token is not valid or its role does not suffice.
    """

    def new_id(self) -> UUID:
        """An id for a saga that is about to be started; it contains the time."""
        return new_id()

    @abstractmethod
    async def register(self, definition: Definition, *, activate: bool = True, overwrite: bool = False) -> int:
        """Checks a definition against the published contracts and stores it. Returns its number.

        Raises:
            DefinitionError: lists everything that is wrong, missing contracts included.
            Conflict: this name and version already has another graph.
        """

    @overload
    @abstractmethod
    async def start(
        self,
        definition: Definition[InputT],
        input: InputT | Mapping[str, Value] | None = None,
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle: ...

    @overload
    @abstractmethod
    async def start(
        self,
        definition: str,
        input: Value = None,
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle: ...

    @abstractmethod
    async def start(
        self,
        definition: Definition | str,
        input: Value = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle:
        """Starts a saga. It is durable when this returns.

        `key`: the same key never starts a second saga of this definition, until retention (setting: retention) has deleted
        the first, with its key. By name, starts the newest activated version, or `version`.

        Raises:
            InputRefused: the input does not fit the definition, or is too large.
            Conflict: the key was used with another input.
            Unavailable: there was no answer, and the saga may have been started: start it again with the same key.
        """

    @abstractmethod
    async def start_as(
        self,
        saga: UUID | None,
        definition: str,
        input: Value = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
    ) -> Handle:
        """Starts a saga under an id that the caller has made, a UUIDv7 (`new_id`); None: any id.

        It may be repeated: the same id never starts a second saga, until retention has deleted the first.

        Raises:
            UsageError: the id is not a UUIDv7 of about now.
            Conflict: the id or the key belongs to a saga with another input.
            InputRefused, Unavailable: as `start`.
        """

    @abstractmethod
    async def find(self, definition: Definition | str, key: str) -> Handle:
        """Finds the saga that was started with this key. Raises NotFound."""

    def handle(self, saga: UUID) -> Handle:
        """The handle of a saga that was started before."""
        return Handle(self, saga)

    @abstractmethod
    async def send(
        self,
        saga: UUID | Handle | tuple[str, str],
        name: str,
        payload: Value = None,
        *,
        id: str | None = None,  # noqa: A002 (the word of the protocol)
    ) -> Sent:
        """Sends an event to a saga: its id, its handle, or its definition and start key. It is durable when this returns.

        It is kept until a wait of the saga consumes it, also if none waits yet. `id`: the same id counts once in a saga; without one,
        each call is an event of its own.

        Raises:
            UsageError: the definition of the saga knows no such event, or the id is not printable text.
            InputRefused: the payload does not fit the type of the event, or is too large.
            Conflict: the saga has ended, or the id was used for another event.
            NotFound: there is no such saga.
        """

    @abstractmethod
    async def complete(self, token: str, value: Value = None) -> Sent:
        """Ends an external step whose handler has raised `Pending`: it has succeeded with this result. `token`: its `ctx.token`.

        Raises:
            UsageError: this is not a token.
            InputRefused: the result does not fit the type that the handler returns, or is too large.
            Conflict: the step is finished, or was completed with another outcome.
            NotFound: the saga was purged.
        """

    @abstractmethod
    async def reject(self, token: str, reason: str) -> Sent:
        """Ends such a step as `Reject` does: it has had no effect and never will have one. Raises as `complete`."""

    @abstractmethod
    async def fail(self, token: str, reason: str) -> Sent:
        """Ends such a step as `GiveUp` does: no retry will mend it, and nobody knows whether it took effect. Raises as `complete`."""

    @abstractmethod
    async def wait(self, saga: UUID, *, is_new: bool = False) -> Ending:
        """Waits until a saga has ended. `is_new`: this connection has just started it. Raises NotFound."""

    @abstractmethod
    async def search(self, query: str = "", *, limit: int = 50, cursor: str | None = None) -> Searched:
        """Finds the sagas that pass a query such as `definition:order is:stuck`, newest first. Raises UsageError."""

    @abstractmethod
    async def why(self, saga: UUID) -> Explanation:
        """Explains what a saga waits for, as `saga why` does. Raises NotFound."""

    @abstractmethod
    async def plan(
        self, saga: UUID, action: ActionName, *, step: str | None = None, evidence: Evidence | None = None
    ) -> Mapping[str, Json]:
        """Plans an action of an operator and changes nothing. Returns the document that `--dry-run --json` prints, with its `digest`.

        `step`: the quarantined step, for retry, skip and resolve, or the one to undo. `evidence`: what is known about its effect, for
        resolve.

        Raises:
            NotFound, UsageError: there is no such saga, step or action. A plan with a `refusal` says why the action is refused.
        """

    @abstractmethod
    async def act(  # noqa: PLR0913 (what an action has)
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
        """Carries out an action of an operator. It is in the audit with the reason, under the name of the account or of the token.

        `expected_plan`: the digest of the plan that was approved; without it, whatever the action does is approved. `request`: an id
        for this call; a repeat with the same id does nothing twice.

        Raises:
            ActionRefused: the state of the saga does not allow it.
            PlanChanged: another plan follows by now; nothing was done, and the error has the new plan.
            NotFound, UsageError: as `plan`.
        """
