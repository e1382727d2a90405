"""Reads sagas, one by one and in lists, and the audit of what operators did."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.state.phase import Phase
from saga.ports.ledger import Snapshot, unknown_saga
from saga.ports.listing import LINES_MAX, Counts, DefinitionLine, SagaFilter, SagaLine, Survey
from saga.ports.saga_detail import HistoryLine, HistoryPlace, SagaDetail
from saga.ports.saga_history import HistoryPage
from saga.ports.values.audit import Audit, AuditFilter, AuditLine
from saga.ports.values.fleet import Fleet
from saga.ports.values.notification import SagaStatus
from saga.ports.values.scan import SagaScan, ScanPage
from saga.ports.values.watch import Mark, Watched
from saga_postgres.audit import read_audits, record
from saga_postgres.connection.pool import Pool
from saga_postgres.reading.fleet import read_fleet
from saga_postgres.reading.histories import read_histories
from saga_postgres.reading.saga_detail import read_case, read_history
from saga_postgres.reading.scan import PLANNED_FOR_ITS_PARAMETERS, read_scan
from saga_postgres.reading.survey import read_survey
from saga_postgres.reading.watch import read_marks, read_moments
from saga_postgres.rows import state_of
from saga_postgres.statements import statements

_SQL: Final = statements("ledger")
_SNAPSHOT: Final = _SQL["snapshot"]
_STATUSES: Final = "select * from statuses($1)"
_FIND_KEY: Final = "select saga from start_key where definition_name = $1 and key = $2"
_LINES: Final = _SQL["lines"]
_COUNTS: Final = _SQL["counts"]
_DEFINITIONS: Final = _SQL["definitions"]

Row = Mapping[str, Any]


class PostgresLedger:
    """See `saga.ports.ledger.Ledger` and `saga.ports.listing.Listing`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def snapshot(self, saga: UUID) -> Snapshot:
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_SNAPSHOT, saga)
        if row is None:
            raise unknown_saga(saga, self._pool.place)
        return _snapshot(row, time.monotonic())

    async def statuses(self, sagas: Sequence[UUID]) -> dict[UUID, SagaStatus]:
        rows = await self._pool.read(_STATUSES, list(sagas))
        return {row["saga"]: _standing(row) for row in rows}

    async def find_key(self, definition_name: str, key: str) -> UUID | None:
        async with self._pool.connection() as connection:
            saga: UUID | None = await connection.fetchval(_FIND_KEY, definition_name, key)
        return saga

    async def record(self, saga: UUID | None, audit: Audit) -> None:
        async with self._pool.connection() as connection:
            await record(connection, saga, audit)

    async def audits(self, wanted: AuditFilter) -> list[AuditLine]:
        async with self._pool.connection() as connection:
            return await read_audits(connection, wanted)

    async def lines(self, wanted: SagaFilter) -> list[SagaLine]:
        phases = None if wanted.phases is None else [phase.value.encode() for phase in wanted.phases]
        only_live = wanted.stuck or (
            wanted.phases is not None and not any(phase.is_terminal for phase in wanted.phases)
        )
        async with self._pool.connection() as connection, connection.transaction(readonly=True):
            await connection.execute(PLANNED_FOR_ITS_PARAMETERS)
            rows = await connection.fetch(
                _LINES,
                phases,
                wanted.definition_name,
                wanted.stuck,
                wanted.started_since,
                only_live,
                min(wanted.limit, LINES_MAX),
                wanted.before,
                json.dumps(dict(wanted.tags)) if wanted.tags else None,
                None if wanted.ids is None else list(wanted.ids),
            )
        return [_line(row) for row in rows]

    async def scan(self, wanted: SagaScan) -> ScanPage:
        async with self._pool.connection() as connection:
            return await read_scan(connection, wanted)

    async def marks(self, sagas: Sequence[UUID]) -> dict[UUID, Mark]:
        async with self._pool.connection() as connection:
            return await read_marks(connection, sagas)

    async def moments(self, watched: Sequence[Watched], graphs: Callable[[int], Awaitable[Graph]]) -> list[SagaDetail]:
        async with self._pool.connection() as connection:
            return await read_moments(connection, watched, graphs)

    async def fleet(self) -> Fleet:
        async with self._pool.connection() as connection:
            return await read_fleet(connection)

    async def history(self, saga: UUID, after: HistoryPlace | None, limit: int) -> list[HistoryLine]:
        async with self._pool.connection() as connection:
            return await read_history(connection, self._pool.place, saga, after, limit)

    async def counts(self) -> Counts:
        rows = await self._pool.read(_COUNTS)
        return Counts({Phase(row["phase"].decode()): row["sagas"] for row in rows}, sum(row["stuck"] for row in rows))

    async def detail(self, saga: UUID) -> SagaDetail:
        async with self._pool.connection() as connection:
            return await read_case(connection, self._pool.place, saga)

    async def survey(self, limit: int) -> Survey:
        async with self._pool.connection() as connection:
            return await read_survey(connection, limit)

    async def histories(self, first: UUID, limit: int) -> HistoryPage:
        async with self._pool.connection() as connection:
            return await read_histories(connection, first, limit)

    async def definitions(self) -> list[DefinitionLine]:
        rows = await self._pool.read(_DEFINITIONS)
        return [
            DefinitionLine(
                number=row["id"],
                name=row["name"],
                version=row["version"],
                hash=row["hash"],
                steps=row["steps"],
                services=tuple(row["services"]),
                is_default=row["is_default"],
                live=row["live"],
            )
            for row in rows
        ]


def _standing(row: Row) -> SagaStatus:
    results = dict(zip(row["steps"] or (), row["results"] or (), strict=True))
    return SagaStatus(row["definition"], Phase(row["phase"].decode()), row["reason"], row["input"], results)


def _snapshot(row: Row, answered_at: float) -> Snapshot:
    return Snapshot(
        saga=row["id"],
        version=row["version"],
        definition=row["definition"],
        state=state_of(row),
        waiter=row["waiter"],
        held=frozenset(row["held"]),
        claimed=frozenset(row["claimed"]),
        unquiet=frozenset(row["unquiet"]),
        store_clock=row["now"] - answered_at,
        trace=row["trace"],
        definition_name=row["definition_name"],
        definition_version=row["definition_version"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        input=row["input"],
        results=dict(zip(row["steps"], row["results"], strict=True)),
    )


def _line(row: Row) -> SagaLine:
    return SagaLine(
        saga=row["id"],
        definition_name=row["definition"],
        definition_version=row["version"],
        phase=Phase(row["phase"].decode()),
        is_rollback_requested=row["rollback_requested"],
        is_paused=row["paused"],
        is_stuck=row["is_stuck"],
        steps=tuple(row["at_steps"]),
        since=row["since"],
        deadline=row["deadline"],
        reason=row["reason"],
        key=row["key"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )
