"""The store's hot path on Postgres.

A method is one call of one SQL function: one round trip, one transaction. A single commit or start that meets a conflict is two.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg
from msgspec.structs import replace

from saga.core.condition.facts import Facts
from saga.errors import InputRefused, Locked
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import Claim, CommandRef, DeliveredCommand
from saga.ports.values.notification import Notifications
from saga.ports.values.overdue import BEGINNING, OverdueSaga, Place
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Write, WriteConflict
from saga_postgres.announce.announcer import Announcement, Announcer
from saga_postgres.audit import record
from saga_postgres.connection.pool import Connection, Pool
from saga_postgres.hot_path import calls
from saga_postgres.hot_path.batch_parameters import (
    Column,
    commit_columns,
    consumption_columns,
    delivery_columns,
    parking_columns,
    start_columns,
)
from saga_postgres.hot_path.caller_transactions import CallerTransactions
from saga_postgres.hot_path.single_parameters import single_commit, single_start
from saga_postgres.rows import Row, claim_of, conflict_of, overdue_of

Fetch = Callable[..., Awaitable[Sequence[Row]]]
_log = logging.getLogger(__name__)
OWNER_GONE: Final = 0
"""Instead of a position: a process that was to get a claim is gone, and its command was queued."""


class PostgresStore:
    """The hot path. See `saga.ports.store.Store` for the guarantees."""

    def __init__(
        self, pool: Pool, options: StoreOptions, announcer: Announcer, listen: Callable[[], Awaitable[None]]
    ) -> None:
        self._pool = pool
        self._options = options
        self._announcer = announcer
        self._listen = listen
        self._callers = CallerTransactions(pool)
        self._start_batch = calls.in_schema(calls.START_BATCH, "start_batch", options.namespace)
        self._commit_batch = calls.in_schema(calls.COMMIT_BATCH, "commit_batch", options.namespace)
        self._start_waits = calls.in_schema(calls.START_WAITS, "start_waits", options.namespace)
        self._commit_waits_call = calls.in_schema(calls.COMMIT_WAITS, "commit_waits", options.namespace)
        self._start_one = calls.in_schema(calls.START_ONE, "start_one", options.namespace)
        self._commit_one = calls.in_schema(calls.COMMIT_ONE, "commit_one", options.namespace)

    async def start(
        self,
        starts: Sequence[Start],
        notifications: Notifications,
        *,
        process: int,
        waiter: int | None,
        is_retry: bool,
        connection: Connection = None,
    ) -> list[TakenKey]:
        fetch: Fetch = self._pool.fetch
        if connection is not None:
            await self._callers.check(connection)
            fetch = partial(self._callers.fetch, connection)
        if waiter is not None:
            await self._listen()  # for the end of the saga
        options = self._options
        announcement = self._announcer.prepare(notifications, in_transaction=connection is not None)
        common = process, options.lease_seconds, options.redrive_seconds, waiter, True
        if len(starts) == 1 and not is_retry:
            single = single_start(starts[0])
            if single is not None and await _try_write(fetch, self._start_one, (*common, *single), announcement):
                return []
        columns = *start_columns(starts), *announcement.message_columns()
        if any(start.parkings for start in starts):
            parkings = *parking_columns(starts), self._announcer.channel_prefix
            rows = await fetch(self._start_waits, *common, is_retry, *columns, *parkings)
        else:
            rows = await fetch(self._start_batch, *common, is_retry, *columns)
        announcement.deliver(is_whole=not rows and not is_retry)
        return [TakenKey(row[0] - 1, row[1], row[2]) for row in rows if row[0] != OWNER_GONE]

    async def commit(
        self,
        writes: Sequence[Write],
        notifications: Notifications,
        *,
        process: int,
        durable: bool,
        wait: bool,
        connection: Connection = None,
    ) -> list[WriteConflict]:
        if connection is None and any(write.audits for write in writes):
            return await self._commit_audited(writes, notifications, process=process, durable=durable, wait=wait)
        fetch = None if connection is None else partial(self._pool.fetch_within, connection.fetch_own)
        return await self._commit(writes, notifications, process=process, durable=durable, wait=wait, within=fetch)

    async def _commit(
        self,
        writes: Sequence[Write],
        notifications: Notifications,
        *,
        process: int,
        durable: bool,
        wait: bool,
        within: Fetch | None,
    ) -> list[WriteConflict]:
        """`within`: sends the statements to the transaction of somebody else; None: they are one of their own."""
        announcement = self._announcer.prepare(notifications, in_transaction=within is not None)
        fetch = within or (self._pool.fetch_slowly if wait else self._pool.fetch)
        common = process, self._options.lease_seconds, wait, durable
        if len(writes) == 1:
            single = single_commit(writes[0])
            if single is not None and await _try_write(fetch, self._commit_one, (*common, *single), announcement):
                return []
        columns = *commit_columns(writes), *announcement.message_columns()
        if any(write.parkings or write.consumptions for write in writes):
            return await self._commit_waits(fetch, (*common, True, *columns), writes, announcement)
        # An error would break a caller's transaction, so there no row is taken for new
        is_new = within is None and all(write.is_new for write in writes)
        rows = await self._write_batch(fetch, common, columns, is_new=is_new)
        announcement.deliver(is_whole=not rows)
        answered_at = time.monotonic()
        return [conflict_of(row, answered_at) for row in rows if row[0] != OWNER_GONE]

    async def _commit_waits(
        self, fetch: Fetch, arguments: Sequence[object], writes: Sequence[Write], announcement: Announcement
    ) -> list[WriteConflict]:
        """A batch with commands that wait, or events that are consumed."""
        waits = *parking_columns(writes), *consumption_columns(writes), self._announcer.channel_prefix
        rows = await fetch(self._commit_waits_call, *arguments, *waits)
        announcement.deliver(is_whole=not rows)
        answered_at = time.monotonic()
        return [
            replace(conflict_of(row[:-1], answered_at), is_event_gone=row[-1]) for row in rows if row[0] != OWNER_GONE
        ]

    async def _commit_audited(
        self, writes: Sequence[Write], notifications: Notifications, *, process: int, durable: bool, wait: bool
    ) -> list[WriteConflict]:
        """A commit with actions of operators: what they change and what the audit says of it are one transaction."""
        async with self._pool.connection() as own, own.transaction(isolation="read_committed"):
            conflicts = await self._commit(
                writes, notifications, process=process, durable=durable, wait=wait, within=own.fetch
            )
            missed = {conflict.position for conflict in conflicts}
            for position, write in enumerate(writes):
                for audit in () if position in missed else write.audits:
                    await record(own, write.saga, audit)
        return conflicts

    async def _write_batch(
        self, fetch: Fetch, common: Sequence[object], columns: Sequence[Column], *, is_new: bool
    ) -> Sequence[Row]:
        """Writes a batch. If all of it was taken for new but a row exists, the server refuses it, and it is written carefully."""
        if is_new:
            try:
                return await fetch(self._commit_batch, *common, False, *columns)  # noqa: FBT003 (p_careful)
            except InputRefused as error:
                if not isinstance(error.__cause__, asyncpg.UniqueViolationError):
                    raise
        return await fetch(self._commit_batch, *common, True, *columns)  # noqa: FBT003 (p_careful)

    async def poll(
        self, services: Sequence[str], limit: int, *, process: int, first_claim: int, durable: bool
    ) -> list[Claim]:
        arguments = list(services), process, limit, first_claim, self._options.lease_seconds, durable
        try:
            return await self._claims(calls.POLL, *arguments)
        except InputRefused as error:  # by a row that no process can claim: the others must not wait for it
            _log.error("poll refused, claiming one by one: %s", error)
            return await self._claims(calls.POLL_ONE_BY_ONE, *arguments)

    async def admit(
        self,
        deliveries: Sequence[DeliveredCommand],
        services: Sequence[str],
        *,
        process: int,
        first_claim: int,
        durable: bool,
    ) -> list[Claim]:
        arguments = process, first_claim, self._options.lease_seconds, durable
        try:
            return await self._claims(calls.ADMIT, *delivery_columns(deliveries, services), *arguments)
        except (InputRefused, Locked) as error:  # by the row of one command
            _log.error("delivered commands refused: %s", error)  # the redrive delivers it again
            if len(deliveries) == 1:
                return []
        claims: list[Claim] = []
        for n, pair in enumerate(zip(deliveries, services, strict=True)):
            claims += await self.admit(
                pair[:1], pair[1:], process=process, first_claim=first_claim + n, durable=durable
            )  # fmt: skip
        return claims

    async def fetch(self, refs: Sequence[CommandRef], *, process: int) -> list[Claim]:
        try:
            return await self._fetch(refs, process)
        except (InputRefused, Locked) as error:  # by the row of one claim
            _log.error("claims refused: %s", error)  # it is given back when its lease has ended
            if len(refs) == 1:
                return []
        held = refs or [CommandRef(*row) for row in await self._pool.fetch(calls.HELD, process)]
        return [claim for ref in held for claim in await self.fetch([ref], process=process)]

    async def _fetch(self, refs: Sequence[CommandRef], process: int) -> list[Claim]:
        sagas, steps = [ref.saga for ref in refs], [ref.step for ref in refs]
        return await self._claims(calls.FETCH, process, self._options.margin_seconds, sagas, steps)

    async def _claims(self, call: str, *arguments: object) -> list[Claim]:
        asked_at = time.monotonic()
        rows = await self._pool.fetch(call, *arguments)
        answered_at = time.monotonic()
        return [claim_of(row, asked_at, answered_at) for row in rows]

    async def unclaimed(self, refs: Sequence[CommandRef]) -> set[CommandRef]:
        rows = await self._pool.fetch(calls.UNCLAIMED, [ref.saga for ref in refs], [ref.step for ref in refs])
        return {CommandRef(saga, step) for saga, step in rows}

    async def facts(self, saga: UUID, steps: Sequence[int]) -> Facts:
        rows = await self._pool.fetch(calls.FACTS, saga, list(steps))
        values = {row["step"]: row["result"] for row in rows}
        return Facts(rows[0]["input"] if rows else b"null", {step: values.get(step) for step in steps})

    async def overdue(self, limit: int, services: Sequence[str] | None, after: Place = BEGINNING) -> list[OverdueSaga]:
        rows = await self._pool.read(calls.OVERDUE, limit, None if services is None else list(services), *after)
        answered_at = time.monotonic()
        return [overdue_of(row, answered_at) for row in rows]

    async def extend(
        self, claims: Sequence[Claim], *, process: int, progress: bytes | None = None, isolated: bool = False
    ) -> set[int]:
        lost = await self._extend(claims, process, progress, isolated=isolated)
        if len(claims) > 1:  # lost, or locked at the moment
            unsure = [claim for claim in claims if claim.number in lost]
            return {
                claim.number for claim in unsure if await self._extend([claim], process, progress, isolated=isolated)
            }
        return lost

    async def _extend(
        self, claims: Sequence[Claim], process: int, progress: bytes | None, *, isolated: bool
    ) -> set[int]:
        sagas, steps, numbers = zip(*((claim.saga, claim.step, claim.number) for claim in claims), strict=True)
        lease_seconds = self._options.lease_seconds
        rows = await self._pool.fetch(calls.EXTEND, process, lease_seconds, sagas, steps, numbers, progress, isolated)
        return set(numbers) - {row[0] for row in rows}


async def _try_write(fetch: Fetch, call: str, arguments: Sequence[object], announcement: Announcement) -> bool:
    """Writes one saga by a statement of its own, and announce it. False: nothing was written, and the batch has to do it."""
    message = announcement.single_message()
    if message is None:
        return False
    rows = await fetch(call, *arguments, *message)
    is_written = bool(rows[0][0])
    if is_written:
        announcement.deliver(is_whole=True)
    return is_written
