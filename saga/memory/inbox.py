"""The inbox in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from saga.memory.data.database import Database
from saga.memory.data.inbox import InboxRow
from saga.memory.data.session import Session
from saga.memory.data.transaction import Transaction
from saga.memory.data.waking import wake, wake_overlooked
from saga.ports.inbox import COMPLETION_PREFIX, EVENTS_BYTES_MAX, EVENTS_MAX, InboxEvent, KeptEvent, Receipt


class MemoryInbox:
    """See `saga.ports.inbox.Inbox`."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session

    async def send(
        self, events: Sequence[tuple[UUID, InboxEvent]], *, connection: Transaction | None = None
    ) -> list[Receipt]:
        if connection is not None:
            self._session.check(connection)
        async with self._session.using(connection) as transaction:
            for key in sorted((saga, event.event) for saga, event in events):
                await transaction.lock(("event", *key))
            full = {saga: self._left(saga) for saga, _ in events}
            return [self._send(transaction, saga, event, *full[saga]) for saga, event in events]

    def _left(self, saga: UUID) -> tuple[int, int]:
        """The number of events that the saga may still get, and of the bytes of their payloads."""
        kept = self._database.inbox.of_saga(saga)
        return EVENTS_MAX - len(kept), EVENTS_BYTES_MAX - sum(len(row.event.payload) for row in kept)

    def _send(self, transaction: Transaction, saga: UUID, event: InboxEvent, left: int, bytes_left: int) -> Receipt:
        database = self._database
        row = database.inbox.get(saga, event.event)
        known = transaction.events.get((saga, event.event)) or (None if row is None else row.event)
        if known is not None:
            return Receipt.REPEATED if known == event else Receipt.DIFFERENT
        stored = database.sagas.get(saga)
        state = transaction.sagas[saga][1] if saga in transaction.sagas else None if stored is None else stored.state
        if state is None:
            return Receipt.NO_SAGA
        if state.phase.is_terminal:
            return Receipt.ENDED
        is_completion = event.name.startswith(COMPLETION_PREFIX)
        if not is_completion and (left <= 0 or len(event.payload) > bytes_left):
            return Receipt.FULL
        transaction.events[saga, event.event] = event
        transaction.then(partial(_keep, database, saga, event))
        return Receipt.KEPT

    async def wake(self, sagas: Sequence[UUID]) -> None:
        await self._session.enter()
        for saga in sagas:
            wake(self._database, saga)

    async def wake_overlooked(self) -> int:
        await self._session.enter()
        return wake_overlooked(self._database)

    async def extend_timeouts(self, by_seconds: float) -> int:
        await self._session.enter()
        database = self._database
        now = database.epoch + database.now()
        return len(database.commands.extend_timeouts(now, now + by_seconds, database.locks.is_free))

    async def first(self, asked: Sequence[tuple[UUID, Sequence[str]]]) -> list[InboxEvent | None]:
        await self._session.enter()
        rows = [self._database.inbox.first(saga, names) for saga, names in asked]
        return [None if row is None else row.event for row in rows]

    async def completion_key(self) -> bytes:
        return bytes(32)

    async def events(self, saga: UUID) -> list[KeptEvent]:
        await self._session.enter()
        epoch = self._database.epoch
        return [
            KeptEvent(row.event.event, row.event.name, row.event.payload, epoch + row.at, row.step)
            for row in self._database.inbox.of_saga(saga)
        ]


def _keep(database: Database, saga: UUID, event: InboxEvent) -> None:
    if saga in database.sagas:  # retention may have deleted it meanwhile
        database.inbox.add(saga, InboxRow(event, database.now()))
