"""Starts sagas and waits for them, over the store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Final, overload
from uuid import UUID

import pydantic_core
from msgspec import Raw
from msgspec.structs import replace

from saga.authoring import Definition
from saga.client.ending import Ending, Sent, Status
from saga.client.event_values import encoded, event_of
from saga.client.registration import store_definition
from saga.client.sagas import Handle, InputT, Sagas
from saga.client.sending import Sending
from saga.codec.codec import Value, encode_untyped
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.schema import misfits
from saga.core.state.phase import Phase
from saga.core.text import storable
from saga.errors import AlreadyExists, Conflict, InputRefused, NotFound, Unavailable
from saga.inspection.actions.request import ActionName, ActionRequest, Evidence
from saga.inspection.explanation import Explanation
from saga.inspection.query.parser import parse
from saga.inspection.query.search import ROWS_MAX, Matches, Search, Searched
from saga.inspection.returned import returned_value
from saga.inspection.why import why
from saga.operations import By, Operations, account_name
from saga.ports.adapter import StoreAdapter
from saga.ports.ledger import Snapshot
from saga.ports.listing import Listing
from saga.ports.saga_detail import SagaDetail
from saga.ports.values.caller_transaction import CallerTransaction
from saga.ports.values.notification import SagaStatus
from saga.runtime.planning.start_request import StartRequest
from saga.runtime.planning.start_values import check_id, check_texts, encoded_input, encoded_tags
from saga.runtime.process import Process
from saga.runtime.steps.completion import Completion

START_TIMEOUT_SECONDS: Final = 30.0
SEARCHES_AT_ONCE: Final = 2
"""Maximum number of searches under way in a process: they must not take the connections on which sagas go on."""
_STATUS: Final[dict[Phase, Status]] = {
    Phase.COMPLETED: "completed",
    Phase.COMPENSATED: "compensated",
    Phase.ABANDONED: "abandoned",
}


class StoreSagas(Sagas):
    """A connection to the store of an installation. Made by `saga.connect`, as a `saga.App`."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._searching = asyncio.Semaphore(SEARCHES_AT_ONCE)
        self._sending = Sending(process)
        self._registered: dict[int, tuple[Definition, int, Graph]] = {}

    async def register(self, definition: Definition, *, activate: bool = True, overwrite: bool = False) -> int:
        """Checks a definition against the published contracts and stores it. Returns its number.

        A version that an older build has registered keeps the default retries of that build.

        Raises:
            DefinitionError: lists everything that is wrong, missing contracts included.
            Conflict: this name and version already has another graph.
        """
        directory = self.process.directory
        number, graph = await store_definition(directory, definition, activate=activate, overwrite=overwrite)
        self.process.definitions.add(number, graph)
        self._registered[id(definition)] = (definition, number, graph)
        return number

    @overload
    async def start(
        self,
        definition: Definition[InputT],
        input: InputT | Mapping[str, Value] | None = None,
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
        tx: CallerTransaction | None = None,
    ) -> Handle: ...

    @overload
    async def start(
        self,
        definition: str,
        input: Value = None,
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
        tx: CallerTransaction | None = None,
    ) -> Handle: ...

    async def start(
        self,
        definition: Definition | str,
        input: Value = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
        tx: CallerTransaction | None = None,
    ) -> Handle:
        """Starts a saga. It is durable when this returns (with `tx`: when the caller commits).

        `key`: the same key never starts a second saga of this definition, until retention (setting: retention) has deleted
        the first, with its key. `tx`: a transaction of the store's database; the saga starts with it, or not at all. It is an asyncpg
        connection in a transaction, SQLAlchemy's AsyncSession or AsyncConnection on asyncpg, or `ctx.sql`. By name, starts the newest
        activated version, or `version`.

        Raises:
            UsageError: `tx` is something else, has no transaction, or is a connection to another database.
            InputRefused: the input does not fit the definition, or is too large.
            Conflict: the key was used with another input.
            Unavailable: the store does not answer, and the saga may have been started: start it again with the same key.
        """
        request = await self._request(definition, input, key, version, tags)
        with self.process.telemetry.tracer.starting(request):
            return await self._start(request, tx)

    async def _start(self, request: StartRequest, tx: CallerTransaction | None) -> Handle:
        if tx is not None:
            return Handle(self, await self.process.starter.start_within(request, tx))
        try:
            saga = await self.process.starter.start(request, START_TIMEOUT_SECONDS)
        except TimeoutError as late:
            why = f" ({late})" if str(late) else ""
            raise Unavailable(
                f"the store did not answer for {START_TIMEOUT_SECONDS:.0f} s{why}: whether {request.graph.name} was started is "
                "unknown; start again with the same key"
            ) from None
        return Handle(self, saga, is_new=saga is request.saga)

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
        """Starts a saga under an id that the caller has made, a UUIDv7; None: any id.

        It may be repeated: the same id never starts a second saga, until retention has deleted the first.

        Raises:
            UsageError: the id is not a UUIDv7 of about now.
            Conflict: the id or the key belongs to a saga with another input.
            InputRefused, Unavailable: as `start`.
        """
        if saga is None:
            return await self.start(definition, input, key=key, version=version, tags=tags)
        check_id(saga, self.process.store_clock.now())
        request = replace(await self._request(definition, input, key, version, tags), saga=saga)
        if (known := await self._started_before(request)) is not None:
            return known
        try:
            with self.process.telemetry.tracer.starting(request):
                handle = await self._start(request, None)
        except (AlreadyExists, InputRefused):  # the same id was started at the same time
            if (known := await self._started_before(request)) is None:
                raise
            return known
        return handle

    async def _started_before(self, request: StartRequest) -> Handle | None:
        """The saga that was started with this id. Raises Conflict if that was another one."""
        try:
            known = await self.snapshot(request.saga)
        except NotFound:
            return None
        if (known.definition_name, known.input) != (request.graph.name, request.input):
            raise Conflict(f"the id {request.saga} belongs to a saga of {known.definition_name} with another input")
        return Handle(self, request.saga)

    async def send(
        self,
        saga: UUID | Handle | tuple[str, str],
        name: str,
        payload: Value = None,
        *,
        id: str | None = None,  # noqa: A002 (the word of the protocol)
        tx: CallerTransaction | None = None,
    ) -> Sent:
        """Sends an event to a saga. It is durable when this returns (with `tx`: when the caller commits).

        As `Sagas.send`. `tx`: see `start`; a process of the installation wakes the saga within about a second of the commit.
        """
        target = (
            saga if isinstance(saga, UUID) else saga.id if isinstance(saga, Handle) else (await self.find(*saga)).id
        )
        return await self._sending.send(target, event_of(name, payload, str(self.new_id()) if id is None else id), tx)

    async def complete(self, token: str, value: Value = None) -> Sent:  # noqa: D102 (see `Sagas`)
        return await self._sending.complete(token, Completion(value=Raw(encoded("the result", value))))

    async def reject(self, token: str, reason: str) -> Sent:  # noqa: D102 (see `Sagas`)
        return await self._sending.complete(token, Completion(rejected=storable(reason)))

    async def fail(self, token: str, reason: str) -> Sent:  # noqa: D102 (see `Sagas`)
        return await self._sending.complete(token, Completion(failed=storable(reason)))

    async def find(self, definition: Definition | str, key: str) -> Handle:
        """Finds the saga that was started with this key. Raises NotFound."""
        name = definition if isinstance(definition, str) else definition.name
        saga = await self.process.ledger.find_key(name, key)
        if saga is None:
            raise NotFound(f"no saga of {name} was started with the key {key!r}")
        return Handle(self, saga)

    async def _request(
        self,
        definition: Definition | str,
        value: Value,
        key: str | None,
        version: int | None,
        tags: dict[str, str] | None,
    ) -> StartRequest:
        if isinstance(definition, Definition):
            found = self._registered.get(id(definition))
            if found is None:
                await self.register(definition)
                found = self._registered[id(definition)]
            _, number, graph = found
            data = encoded_input(definition.name, definition.encode_input, value)
        else:
            number, graph = await self.process.directory.find(definition, version)
            self.process.definitions.add(number, graph)
            data = encoded_input(definition, encode_untyped, value)
            if problems := misfits(graph.input_schema, pydantic_core.from_json(data)):
                raise InputRefused(f"the input of {graph.name} v{graph.version} does not fit: {'; '.join(problems)}")
        if key is not None or tags is not None:
            check_texts(key, tags)
        text = None if tags is None else encoded_tags(graph.name, tags)
        return StartRequest(self.new_id(), number, graph, data, hashlib.sha256(data).digest(), key, text)

    async def wait(self, saga: UUID, *, is_new: bool = False) -> Ending:
        """Waits until a saga has ended. `is_new`: this connection has just started it."""
        status = await self.process.end_waiters.wait(saga, is_new=is_new)
        return Ending(saga, _STATUS[status.phase], await self._returned(status), status.reason)

    async def snapshot(self, saga: UUID) -> Snapshot:
        """The state of a saga now. Raises NotFound."""
        return await self.process.ledger.snapshot(saga)

    async def _returned(self, status: SagaStatus) -> Value:
        """The value that a completed saga returns."""
        graph = await self.process.definitions.graph(status.definition)
        return None if status.input is None else returned_value(graph, status.input, status.results)

    @property
    def adapter(self) -> StoreAdapter:
        """The store that this connection uses."""
        return self.process.adapter

    @property
    def listing(self) -> Listing:
        """Reads many sagas, for operators."""
        return self.adapter.listing

    async def search(self, query: str = "", *, limit: int = 50, cursor: str | None = None) -> Searched:
        """Finds the sagas that pass a query such as `definition:order is:stuck`, newest first. Raises UsageError."""
        now = self.process.store_clock.now()
        async with self._searching:
            return await self._search.page(parse(query, now), limit, cursor, now)

    async def matches(self, query: str) -> Matches:
        """Finds up to 20,000 sagas that pass a query with terms, without payloads, results and history. Raises UsageError."""
        now = self.process.store_clock.now()
        async with self._searching:
            return await self._search.matches(parse(query, now), ROWS_MAX, None, now)

    @cached_property
    def _search(self) -> Search:
        return Search(self.listing, self.process.definitions.graph, self.process.clock.monotonic)

    async def detail(self, saga: UUID) -> SagaDetail:
        """Reads everything about one saga, as `saga show` prints it. Raises NotFound."""
        return await self.listing.detail(saga)

    async def why(self, saga: UUID) -> Explanation:
        """Explains what a saga waits for, as `saga why` does. Raises NotFound."""
        return why(await self.detail(saga))

    async def plan(
        self, saga: UUID, action: ActionName, *, step: str | None = None, evidence: Evidence | None = None
    ) -> Mapping[str, Json]:
        """Plans an action of an operator, see `Sagas.plan`."""
        return (await self.operations.plan(saga, ActionRequest(action, step, evidence))).document()

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
        """Carries out an action of an operator, see `Sagas.act`. `operations.act` takes another name for the audit."""
        by = By(account_name(), reason, request=request)
        await self.operations.act(saga, ActionRequest(action, step, evidence), by, expected_plan=expected_plan)

    @cached_property
    def operations(self) -> Operations:
        """The actions of operators on sagas."""
        process = self.process
        return Operations(process.ledger, process.definitions, process.redriver, process.outcomes)
