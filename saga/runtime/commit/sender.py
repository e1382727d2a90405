"""Sends events in groups, as the starter does with starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from saga.ports.inbox import Inbox, InboxEvent, Receipt
from saga.ports.ledger import Ledger
from saga.ports.store import Connection
from saga.ports.values.notification import SagaStatus
from saga.runtime.commit.gathering import Gathering

SENDS_AT_ONCE: Final = 2


class Sender:
    """Keeps events of sagas, and wakes what waits for them."""

    def __init__(self, inbox: Inbox, ledger: Ledger) -> None:
        self._inbox = inbox
        self._ledger = ledger
        self.sends: Gathering[tuple[UUID, InboxEvent], Receipt] = Gathering(
            self._send, at_once=SENDS_AT_ONCE, bytes_of=_payload_bytes
        )
        self.statuses: Gathering[UUID, SagaStatus | None] = Gathering(self._statuses)

    async def status(self, saga: UUID) -> SagaStatus | None:
        """Reads the status of a saga; None if there is none. Raises Unavailable."""
        return await self.statuses.ask(saga)

    async def send(self, saga: UUID, event: InboxEvent, connection: Connection) -> Receipt:
        """Keeps an event, and wakes its saga. `connection`: keeps it in this transaction; any process wakes the saga after that.

        Raises:
            Unavailable: the outcome is unknown.
            InputRefused: the store cannot hold the event.
            UsageError: `connection` is not in a transaction of the store's database.
        """
        if connection is None:
            return await self.sends.ask((saga, event))
        (receipt,) = await self._inbox.send([(saga, event)], connection=connection)
        return receipt

    async def _send(self, events: Sequence[tuple[UUID, InboxEvent]]) -> Sequence[Receipt]:
        receipts = await self._inbox.send(events)
        kept = [saga for (saga, _), receipt in zip(events, receipts, strict=True) if receipt.is_kept]
        if kept:
            await self._inbox.wake(kept)  # G61: a transaction of its own, after that of the events
        return receipts

    async def _statuses(self, sagas: Sequence[UUID]) -> Sequence[SagaStatus | None]:
        found = await self._ledger.statuses(sagas)
        return [found.get(saga) for saga in sagas]


def _payload_bytes(asked: tuple[UUID, InboxEvent]) -> int:
    return len(asked[1].payload)
