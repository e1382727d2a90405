"""Sends events to sagas, over the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pydantic_core

from saga.client.ending import Sent
from saga.core.definition.graph import Graph
from saga.core.definition.schema import misfits
from saga.core.nearest import with_nearest
from saga.core.state.letters import ANY_DISPATCHED, ANY_RESOLVING, WORDS
from saga.errors import Conflict, InputRefused, UsageError
from saga.ports.inbox import EVENTS_BYTES_MAX, EVENTS_MAX, InboxEvent, Receipt
from saga.ports.ledger import unknown_saga
from saga.ports.store import Connection
from saga.ports.values.caller_transaction import CallerTransaction
from saga.runtime.commit.caller_transaction import driver_connection
from saga.runtime.handlers.completion_token import completable_of
from saga.runtime.process import Process
from saga.runtime.steps.completion import Completion, awaited_name, completion_document

_COMPLETABLE: Final = ANY_DISPATCHED | ANY_RESOLVING


class SameIdError(Conflict):
    """The id of an event was used for another one."""


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends events through one process's connection to the store."""

    process: Process

    async def send(self, saga: UUID, event: InboxEvent, tx: CallerTransaction | None) -> Sent:
        """Keeps an event of a saga and wakes what waits for it. Raises as `Sagas.send`."""
        graph = await self._graph(saga)
        _check(graph, event)
        return await self.keep(saga, graph, event, tx)

    async def keep(self, saga: UUID, graph: Graph, event: InboxEvent, tx: CallerTransaction | None) -> Sent:
        """Keeps an event that has been checked."""
        connection: Connection = None if tx is None else await driver_connection(tx)
        match await self.process.sender.send(saga, event, connection):
            case Receipt.ENDED:
                raise Conflict(f"the saga {saga} of {graph.name} has ended: the event {event.name} was not kept")
            case Receipt.NO_SAGA:
                raise unknown_saga(saga)
            case Receipt.DIFFERENT:
                raise SameIdError(
                    f"the id {event.event!r} was used for another event of the saga {saga}: send this one under an id of its own"
                )
            case Receipt.FULL:
                raise Conflict(
                    f"the event {event.name} was not kept: the saga {saga} of {graph.name} has {EVENTS_MAX:,} events, or more than "
                    f"{EVENTS_BYTES_MAX:,} bytes with this one. Put what grows into a store of your own, or start another saga"
                )
            case receipt:
                return Sent(event.event, is_new=receipt is Receipt.KEPT)

    async def complete(self, token: str, completion: Completion) -> Sent:
        """Ends the step that a token stands for. Raises as `Sagas.complete`."""
        process = self.process
        target = completable_of(token, await process.adapter.inbox.completion_key())
        saga = await process.ledger.snapshot(target.saga)
        graph = await process.definitions.graph(saga.definition)
        step, letter = graph.steps[target.step], saga.state.vector[target.step]
        event = InboxEvent(target.event, awaited_name(step.name), completion_document(completion))
        if letter not in _COMPLETABLE:
            if await self._is_repeated(target.saga, event):
                return Sent(event.event, is_new=False)
            raise Conflict(f"the token is used up: the step {step.name} of the saga {target.saga} is {WORDS[letter]}")
        if completion.rejected is None and completion.failed is None:
            contract = (await process.directory.contracts()).get(f"{step.service}.{step.handler}")
            schema = None if contract is None else contract.output_schema
            if problems := misfits(schema, pydantic_core.from_json(bytes(completion.value))):
                raise InputRefused(f"the result of {step.name} does not fit: {'; '.join(problems)}")
        try:
            return await self.keep(target.saga, graph, event, None)
        except SameIdError:
            raise Conflict(
                f"the step {step.name} of the saga {target.saga} was completed before, with another outcome"
            ) from None

    async def _is_repeated(self, saga: UUID, event: InboxEvent) -> bool:
        """Returns whether the same completion was sent before: its answer may have been lost."""
        sent = await self.process.adapter.inbox.events(saga)
        return any((one.event, one.payload) == (event.event, event.payload) for one in sent)

    async def _graph(self, saga: UUID) -> Graph:
        status = await self.process.sender.status(saga)
        if status is None:
            raise unknown_saga(saga)
        return await self.process.definitions.graph(status.definition)


def _check(graph: Graph, event: InboxEvent) -> None:
    title = f"{graph.name} v{graph.version}"
    if event.name not in graph.event_names:
        known = f"it waits for {', '.join(graph.event_names)}" if graph.event_names else "it waits for no event"
        raise UsageError(
            with_nearest(f"{title} does not know the event {event.name!r}: {known}", event.name, graph.event_names)
        )
    schemas = graph.event_schemas if isinstance(graph.event_schemas, Mapping) else {}
    if problems := misfits(schemas.get(event.name), pydantic_core.from_json(event.payload)):
        raise InputRefused(f"the event {event.name} of {title} does not fit: {'; '.join(problems)}")
