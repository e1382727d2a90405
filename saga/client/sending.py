"""Sends events to sagas, over the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import pydantic_core

from saga.client.ending import Sent
from saga.codec.codec import Misfit, Unreadable, Value, encode_untyped
from saga.core.definition.graph import Graph
from saga.core.definition.schema import misfits
from saga.core.nearest import with_nearest
from saga.errors import Conflict, InputRefused, NotFound, UsageError
from saga.ports.inbox import InboxEvent, Receipt
from saga.ports.store import Connection
from saga.ports.values.caller_transaction import CallerTransaction
from saga.runtime.commit.caller_transaction import driver_connection
from saga.runtime.process import Process

EVENT_ID_CHARS_MAX: Final = 200
PAYLOAD_BYTES_MAX: Final = 256 * 1024


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
        inbox = self.process.adapter.inbox
        connection: Connection = None if tx is None else await driver_connection(tx)
        match await inbox.send(saga, event, connection=connection):
            case Receipt.ENDED:
                raise Conflict(f"the saga {saga} of {graph.name} has ended: the event {event.name} was not kept")
            case Receipt.NO_SAGA:
                raise NotFound(f"there is no saga {saga}: the event {event.name} was not kept")
            case Receipt.DIFFERENT:
                raise Conflict(
                    f"the id {event.event!r} was used for another event of the saga {saga}: send this one under an id of its own"
                )
            case receipt:
                if tx is None:  # G61: a transaction of its own, after that of the event
                    await inbox.wake(saga)
                return Sent(event.event, is_new=receipt is Receipt.KEPT)

    async def _graph(self, saga: UUID) -> Graph:
        found = await self.process.ledger.statuses([saga])
        if saga not in found:
            raise NotFound(f"there is no saga {saga}")
        return await self.process.definitions.graph(found[saga].definition)


def event_of(name: str, payload: Value, event: str) -> InboxEvent:
    """An event with this payload, which has to be JSON. Raises InputRefused, UsageError."""
    try:
        data = encode_untyped(payload)
    except Misfit as error:
        raise InputRefused(f"the event {name} does not fit: {error}") from error
    except Unreadable as error:
        raise InputRefused(f"the event {name} cannot be read back: {error}") from error
    if len(data) > PAYLOAD_BYTES_MAX:
        raise InputRefused(
            f"the event {name} has {len(data):,} bytes, more than {PAYLOAD_BYTES_MAX:,}: store it elsewhere and send its address"
        )
    if not 1 <= len(event) <= EVENT_ID_CHARS_MAX or "\0" in event or not event.isprintable():
        raise UsageError(
            f"the id of an event has 1 to {EVENT_ID_CHARS_MAX} printable characters, not {ascii(event)[:80]}"
        )
    return InboxEvent(event, name, data)


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
