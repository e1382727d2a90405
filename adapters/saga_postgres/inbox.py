"""The inbox on Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

from saga.ports.inbox import InboxEvent, KeptEvent, Receipt
from saga_postgres.announce.channels import prefix
from saga_postgres.array_literals import array_literals, quoted_text, quoted_word
from saga_postgres.connection.pool import Connection, Pool
from saga_postgres.hot_path.caller_transactions import CallerTransactions
from saga_postgres.hot_path.calls import in_schema
from saga_postgres.hot_path.store import Fetch
from saga_postgres.statements import statements

_SQL: Final = statements("inbox")
_FIRST: Final = _SQL["first"]
_EVENTS: Final = _SQL["events"]
_SEND: Final = "select send_events($1::text::uuid[], $2::text::text[], $3::text::text[], $4)"
_COMPLETION_KEY: Final = "select completion_key()"
_WAKE: Final = "select wake_sagas($1::text::uuid[], $2)"
_WAKE_OVERLOOKED: Final = "select wake_overlooked($1)"
_EXTEND_TIMEOUTS: Final = "select saga, step, extended from extend_timeouts($1, $2, $3, $4)"
WALK_MAX: Final = 5_000
"""Maximum number of commands that one transaction looks at when timeouts are extended."""


class PostgresInbox:
    """See `saga.ports.inbox.Inbox`."""

    def __init__(self, pool: Pool, namespace: str) -> None:
        self._pool = pool
        self._callers = CallerTransactions(pool)
        self._send = in_schema(_SEND, "send_events", namespace)
        self._channel_prefix = prefix(namespace)

    async def send(self, events: Sequence[tuple[UUID, InboxEvent]], *, connection: Connection = None) -> list[Receipt]:
        fetch: Fetch = self._pool.fetch
        if connection is not None:
            await self._callers.check(connection)
            fetch = partial(self._callers.fetch, connection)
        rows = [(saga.hex, quoted_text(event.event), quoted_word(event.name)) for saga, event in events]
        payloads = [event.payload for _, event in events]
        ((receipts,),) = await fetch(self._send, *array_literals(rows, 3), payloads)
        return [Receipt[receipt] for receipt in receipts]

    async def wake(self, sagas: Sequence[UUID]) -> None:
        await self._pool.fetch(_WAKE, *array_literals([(saga.hex,) for saga in sagas], 1), self._channel_prefix)

    async def wake_overlooked(self) -> int:
        ((count,),) = await self._pool.fetch(_WAKE_OVERLOOKED, self._channel_prefix)
        return int(count)

    async def extend_timeouts(self, by_seconds: float) -> int:
        saga: UUID | None = UUID(int=0)
        step, extended = -1, 0
        while saga is not None:
            ((saga, step, count),) = await self._pool.fetch(_EXTEND_TIMEOUTS, saga, step, by_seconds, WALK_MAX)
            extended += count
        return extended

    async def first(self, asked: Sequence[tuple[UUID, Sequence[str]]]) -> list[InboxEvent | None]:
        found: list[InboxEvent | None] = [None] * len(asked)
        rows = [(saga.hex, quoted_text("{" + ",".join(map(quoted_text, names)) + "}")) for saga, names in asked]
        for n, event, name, payload in await self._pool.fetch(_FIRST, *array_literals(rows, 2)):
            found[n - 1] = InboxEvent(event, name, payload)
        return found

    async def completion_key(self) -> bytes:
        ((key,),) = await self._pool.fetch(_COMPLETION_KEY)
        return bytes(key)

    async def events(self, saga: UUID) -> list[KeptEvent]:
        return [KeptEvent(*row) for row in await self._pool.read(_EVENTS, saga)]
