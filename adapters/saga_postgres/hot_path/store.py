"""The store's hot path on Postgres. A method is one call of one SQL function, one round trip, one transaction; a lone conflict is two."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import asyncpg

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import InputRefused, SagaError
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import Claim, CommandRef, DeliveredCommand
from saga.ports.values.notification import Notifications
from saga.ports.values.overdue import OverdueSaga
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Write, WriteConflict
from saga_postgres.announce.announcer import Announcer, part
from saga_postgres.announce.encryption import MessageCipher
from saga_postgres.announce.local_socket import LocalSocket
from saga_postgres.announce.notify import told_by_address, told_columns, told_if_whole
from saga_postgres.connection.pool import Connection, Pool
from saga_postgres.hot_path.columns import commit_columns, delivery_columns, start_columns
from saga_postgres.hot_path.single_row import one_commit, one_start

Row = Any  # a record: by position, or all at once
Fetch = Callable[..., Awaitable[Sequence[Row]]]
NOBODY: Final = (None, None)
GONE: Final = 0  # instead of a position: somebody who was given a claim is not there any more, and it was not made
_OPERATIONS: Final = {operation.value.encode(): operation for operation in Operation}
_PHASES: Final = {phase.value.encode(): phase for phase in Phase}


def _value_of(function: str, *types: str) -> str:
    """A call whose arguments come as text literals where a type is named, and as the driver encodes them where it is empty."""
    places = (f"${n}::text::{kind}" if kind else f"${n}" for n, kind in enumerate(types, 1))
    return f"select {function}({', '.join(places)})"


def _rows_of(function: str, *types: str) -> str:
    return _value_of(function, *types).replace("select", "select * from", 1)


_DISPATCHES: Final = ("integer[]", "smallint[]", '"char"[]', "text[]", "integer[]", "bigint[]")
_ENTRIES: Final = ("integer[]", "smallint[]", "text[]", "text[]")
_TOLD: Final = ("text[]", "text[]", '"char"[]')
_START: Final = _rows_of(
    "start_batch",
    *[""] * 6,
    *("uuid[]", "integer[]", '"char"[]', "text[]", "float8[]", "text[]", "text[]", "bytea[]"),
    *("integer[]", "text[]", "text[]", "bytea[]"),
    *_DISPATCHES,
    *_ENTRIES,
    *_TOLD,
)
_COMMIT: Final = _rows_of(
    "commit_batch",
    *[""] * 5,
    *(
        "uuid[]",
        "integer[]",
        "boolean[]",
        '"char"[]',
        "text[]",
        "boolean[]",
        "boolean[]",
        "float8[]",
        "text[]",
        "float8[]",
    ),
    *("integer[]", "smallint[]", "bigint[]"),
    *("integer[]", "smallint[]", "bigint[]"),
    *("integer[]", "smallint[]", "bigint[]", "float8[]", "float8[]", "smallint[]", "smallint[]", "text[]"),
    *_DISPATCHES,
    "float8[]",
    *("integer[]", "smallint[]", "smallint[]", "bytea[]"),
    *_ENTRIES,
    *_TOLD,
)
_COMMIT_ONE: Final = _value_of("commit_one", *[""] * 6, '"char"', *[""] * 7, '"char"', *[""] * 9)
_START_ONE: Final = _value_of("start_one", *[""] * 7, '"char"', *[""] * 9, '"char"', *[""] * 7)
_PULL: Final = _rows_of("poll", *[""] * 6)
_ADMIT: Final = _rows_of("admit", "uuid[]", "smallint[]", '"char"[]', "text[]", *[""] * 4)
_FETCH: Final = _rows_of("fetch_claims", *[""] * 4)
_OVERDUE: Final = _rows_of("overdue", *[""] * 2)
_NOTIFY: Final = "select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as told(channel, payload)"
_EXTEND: Final = _rows_of("extend_claims", *[""] * 7)


class PostgresStore:
    """The hot path. See `saga.ports.store.Store` for the guarantees."""

    def __init__(
        self,
        pool: Pool,
        options: StoreOptions,
        seal: MessageCipher,
        line: LocalSocket,
        hear: Callable[[], Awaitable[None]],
    ) -> None:
        self._pool = pool
        self._hear = hear
        self._options = options
        self._seal = seal
        self._line = line
        self._notifying: set[asyncio.Task[None]] = set()
        # By their full names: on a caller's or a handler's connection the search path is theirs.
        self._start = _START.replace("start_batch", f'"{options.namespace}".start_batch')
        self._commit = _COMMIT.replace("commit_batch", f'"{options.namespace}".commit_batch')
        self._start_one = _START_ONE.replace("start_one", f'"{options.namespace}".start_one')
        self._commit_one = _COMMIT_ONE.replace("commit_one", f'"{options.namespace}".commit_one')

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
        if waiter is not None:
            await self._hear()  # of its end
        options = self._options
        telling, notifications = self._begin_telling(notifications, connection)
        told = notifications, options.namespace, self._seal
        fetch = self._pool.fetch if connection is None else connection.fetch
        common = process, options.lease_seconds, options.redrive_seconds, waiter, True
        if len(starts) == 1 and not is_retry:
            alone = one_start(starts[0])
            if alone is not None and await self._is_written(fetch, self._start_one, (*common, *alone), notifications):
                self._tell(telling, is_whole=True)
                return []
        rows = await fetch(self._start, *common, is_retry, *start_columns(starts), *told_columns(*told))
        self._tell(telling, is_whole=not rows and not is_retry)
        return [TakenKey(row[0] - 1, row[1], row[2]) for row in rows if row[0] != GONE]

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
        telling, notifications = self._begin_telling(notifications, connection)
        fetch = self._pool.fetch if connection is None else connection.fetch
        told = notifications, self._options.namespace, self._seal
        common = process, self._options.lease_seconds, wait, durable
        if len(writes) == 1:
            alone = one_commit(writes[0])
            if alone is not None and await self._is_written(fetch, self._commit_one, (*common, *alone), notifications):
                self._tell(telling, is_whole=True)
                return []
        columns = *commit_columns(writes), *told_columns(*told)
        is_new = connection is None and all(
            write.is_new for write in writes
        )  # a caller's transaction must not fail for it
        rows = await self._written(fetch, common, columns, is_new=is_new)
        self._tell(telling, is_whole=not rows)
        heard_at = time.monotonic()
        return [_conflict(row, heard_at) for row in rows if row[0] != GONE]

    async def _written(
        self, fetch: Fetch, common: Sequence[object], columns: Sequence[str], *, is_new: bool
    ) -> Sequence[Row]:
        """Write a batch. If something of it was taken for new and has a row, the server refuses it all, and it is written with care."""
        if is_new:
            try:
                return await fetch(self._commit, *common, False, *columns)  # noqa: FBT003 (not careful)
            except InputRefused as error:
                if not isinstance(error.__cause__, asyncpg.UniqueViolationError):
                    raise
        return await fetch(self._commit, *common, True, *columns)  # noqa: FBT003 (careful)

    def _begin_telling(
        self, notifications: Notifications, connection: Connection
    ) -> tuple[Announcer | None, Notifications]:
        """What goes over the line, and what has to be notified: everything in a caller's transaction, of whose end we are not told."""
        if connection is not None:
            return None, notifications
        near, far = part(notifications, self._line)
        return (Announcer(near, self._line) if near.claim_refs or near.ended else None), far

    def _tell(self, telling: Announcer | None, *, is_whole: bool) -> None:
        unsent = None if telling is None else telling.speak(is_whole=is_whole)
        if unsent is not None and (unsent.claim_refs or unsent.ended):
            task = asyncio.create_task(self._notify(unsent))
            self._notifying.add(task)
            task.add_done_callback(self._notifying.discard)

    async def _notify(self, unsent: Notifications) -> None:
        channels, payloads = zip(*told_by_address(unsent, self._options.namespace), strict=True)
        with suppress(SagaError):  # whoever is still there then finds it by its lease
            await self._pool.fetch(_NOTIFY, channels, payloads)

    async def _is_written(
        self, fetch: Fetch, query: str, arguments: Sequence[object], notifications: Notifications
    ) -> bool:
        """Write one saga, if at most one is to be told of it."""
        told = told_if_whole(notifications, self._options.namespace, self._seal)
        if len(told) > 1:
            return False
        rows = await fetch(query, *arguments, *(told[0] if told else NOBODY))
        return bool(rows[0][0])

    async def poll(
        self, services: Sequence[str], limit: int, *, process: int, first_claim: int, durable: bool
    ) -> list[Claim]:
        return await self._work(
            _PULL, list(services), process, limit, first_claim, self._options.lease_seconds, durable
        )

    async def admit(
        self,
        deliveries: Sequence[DeliveredCommand],
        services: Sequence[str],
        *,
        process: int,
        first_claim: int,
        durable: bool,
    ) -> list[Claim]:
        return await self._work(
            _ADMIT,
            *delivery_columns(deliveries, services),
            process,
            first_claim,
            self._options.lease_seconds,
            durable,
        )

    async def fetch(self, refs: Sequence[CommandRef], *, process: int) -> list[Claim]:
        margin_seconds = self._options.margin_seconds
        return await self._work(_FETCH, process, margin_seconds, [ref.saga for ref in refs], [ref.step for ref in refs])

    async def _work(self, query: str, *arguments: object) -> list[Claim]:
        asked_at = time.monotonic()
        rows = await self._pool.fetch(query, *arguments)
        heard_at = time.monotonic()
        return [_work(row, asked_at, heard_at) for row in rows]

    async def overdue(self, limit: int, services: Sequence[str] | None) -> list[OverdueSaga]:
        rows = await self._pool.fetch(_OVERDUE, limit, None if services is None else list(services))
        heard_at = time.monotonic()
        return [_overdue(row, heard_at) for row in rows]

    async def extend(
        self, claims: Sequence[Claim], *, process: int, progress: bytes | None = None, isolated: bool = False
    ) -> set[int]:
        lost = await self._extend(claims, process, progress, isolated=isolated)
        if len(claims) > 1:  # they are lost, or somebody has them locked at the moment
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
        rows = await self._pool.fetch(_EXTEND, process, lease_seconds, sagas, steps, numbers, progress, isolated)
        return set(numbers) - {row[0] for row in rows}


def _work(row: Row, asked_at: float, heard_at: float) -> Claim:
    (
        saga, step, op, claim, definition, version, phase, vector, cancel, deadline, reason, waiter,
        input_, result_steps, results, deliveries, failures, first_failed_ago, lease_seconds, quiet_seconds, progress, now, trace,
        isolated_attempts,
    ) = row  # fmt: skip
    return Claim(
        saga=saga,
        step=step,
        operation=_OPERATIONS[op],
        number=claim,
        definition=definition,
        version=version,
        state=State(_PHASES[phase], vector, cancel, paused=False, deadline=deadline, reason=reason),
        waiter=waiter,
        input=input_,
        results=dict(zip(result_steps, results, strict=True)) if result_steps else {},
        deliveries=deliveries,
        failures=failures,
        first_failed_ago=first_failed_ago,
        lease_ends=asked_at + lease_seconds,  # conservative: counted from before the question was asked
        quiet_at=heard_at + quiet_seconds,  # conservative: counted from after the answer came
        progress=progress,
        store_clock=now - heard_at,
        trace=trace,
        isolated_attempts=isolated_attempts,
    )


def _conflict(row: Row, heard_at: float) -> WriteConflict:
    n, version, phase, vector, cancel, paused, deadline, reason, now = row
    if phase is None:
        return WriteConflict(n - 1, 0, None, now - heard_at)
    return WriteConflict(
        n - 1, version, State(_PHASES[phase], vector, cancel, paused, deadline, reason), now - heard_at
    )


def _overdue(row: Row, heard_at: float) -> OverdueSaga:
    (
        saga,
        version,
        definition,
        phase,
        vector,
        cancel,
        paused,
        deadline,
        reason,
        waiter,
        held,
        claimed,
        unquiet,
        now,
        trace,
    ) = row
    return OverdueSaga(
        saga=saga,
        version=version,
        definition=definition,
        state=State(_PHASES[phase], vector, cancel, paused, deadline, reason),
        waiter=waiter,
        held=frozenset(held),
        claimed=frozenset(claimed),
        unquiet=frozenset(unquiet),
        store_clock=now - heard_at,
        trace=trace,
    )
