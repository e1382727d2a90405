"""Reading sagas one by one and in lists, and the record of what people did to them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from saga.core.definition.graph import Json
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.errors import NotFound
from saga.ports.ledger import Snapshot
from saga.ports.listing import LINES_MAX, Counts, DefinitionLine, SagaFilter, SagaLine, Survey
from saga.ports.saga_detail import SagaDetail
from saga.ports.saga_history import HistoryPage
from saga.ports.values.notification import SagaStatus
from saga_postgres.connection.pool import Pool
from saga_postgres.reading.histories import read_histories
from saga_postgres.reading.saga_detail import read_case
from saga_postgres.reading.survey import read_survey

_SNAPSHOT: Final = """
select s.id, s.version, s.definition, s.phase, s.vector, s.rollback_requested, s.paused, s.reason, s.waiter, s.trace, s.input,
       extract(epoch from s.deadline)::float8 as deadline, extract(epoch from s.started_at)::float8 as started_at,
       extract(epoch from s.ended_at)::float8 as ended_at, extract(epoch from clock_timestamp())::float8 as now,
       split_part(d.name, '~', 1) as definition_name, d.version as definition_version,
       c.held, c.claimed, c.unquiet, r.steps, r.results
from saga s
join definition d on d.id = s.definition
cross join lateral (
    select coalesce(array_agg(c.step), '{}') as held,
           coalesce(array_agg(c.step) filter (where c.owner is not null), '{}') as claimed,
           coalesce(array_agg(c.step) filter (where c.quiet_at > statement_timestamp()), '{}') as unquiet
    from command c where c.saga = s.id
) as c
cross join lateral (
    select coalesce(array_agg(r.step), '{}') as steps, coalesce(array_agg(r.result), '{}') as results
    from step r where r.saga = s.id and r.result is not null
) as r
where s.id = $1"""
_STATUSES: Final = "select * from statuses($1)"
_FIND_KEY: Final = "select saga from start_key where definition_name = $1 and key = $2"
_AUDIT: Final = (
    "insert into audit (actor, action, saga, step, reason, detail) values ($1, $2, $3, $4, $5, $6::text::jsonb)"
)

# $5 says that only sagas that have not ended can match: the planner then takes the small index on wake_at.
_LINES: Final = """
with picked as materialized (
    select s.id, s.phase, s.rollback_requested, s.paused
    from saga s left join definition d on d.id = s.definition
    where ($1::"char"[] is null or s.phase = any ($1))
      and ($2::text is null or split_part(d.name, '~', 1) = $2)
      and (not $3::boolean or s.vector ~ '[dwuk]')
      and ($4::float8 is null or s.id >= first_id_at(to_timestamp($4)))
      and (not $5::boolean or s.wake_at is not null)
      and ($7::uuid is null or s.id < $7)
    order by s.id desc limit $6
)
select o.id, o.definition, o.version, p.phase, p.rollback_requested, p.paused, o.is_stuck, o.at_steps,
       o.reason, o.key,
       extract(epoch from o.since)::float8 as since, extract(epoch from o.deadline)::float8 as deadline,
       extract(epoch from o.started_at)::float8 as started_at, extract(epoch from o.ended_at)::float8 as ended_at
from picked p join overview o on o.id = p.id
order by o.id desc"""
_COUNTS: Final = """
select phase, count(*) as sagas, count(*) filter (where ended_at is null and vector ~ '[dwuk]') as stuck
from saga group by phase"""

_DEFINITIONS: Final = """
select d.id, d.name, d.version, d.hash, d.services, (select count(*) from definition_step t where t.definition = d.id) as steps,
       d.activated_at is not null and d.id = first_value(d.id) over (
           partition by d.name order by d.activated_at desc nulls last, d.version desc) as is_default,
       coalesce(live.sagas, 0) as live
from definition d
left join (select s.definition, count(*) as sagas from saga s where s.wake_at is not null group by s.definition) as live
    on live.definition = d.id
where d.name !~ '~'
order by d.name, d.version desc"""

Row = Mapping[str, Any]


class PostgresLedger:
    """See `saga.ports.store.Ledger` and `saga.ports.listing.Listing`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def snapshot(self, saga: UUID) -> Snapshot:
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_SNAPSHOT, saga)
        if row is None:
            raise NotFound(f"{self._pool.place} has no saga {saga}: the id is wrong, or it ended and was purged")
        return _snapshot(row, time.monotonic())

    async def statuses(self, sagas: Sequence[UUID]) -> dict[UUID, SagaStatus]:
        rows = await self._pool.fetch(_STATUSES, list(sagas))
        return {row["saga"]: _standing(row) for row in rows}

    async def find_key(self, definition_name: str, key: str) -> UUID | None:
        async with self._pool.connection() as connection:
            saga: UUID | None = await connection.fetchval(_FIND_KEY, definition_name, key)
        return saga

    async def audit(
        self, actor: str, action: str, saga: UUID, step: int | None, reason: str | None, detail: dict[str, Json]
    ) -> None:  # fmt: skip
        async with self._pool.connection() as connection:
            await connection.execute(_AUDIT, actor, action, saga, step, reason, json.dumps(detail))

    async def lines(self, wanted: SagaFilter) -> list[SagaLine]:
        phases = None if wanted.phases is None else [phase.value.encode() for phase in wanted.phases]
        only_live = wanted.stuck or (
            wanted.phases is not None and not any(phase.is_terminal for phase in wanted.phases)
        )
        async with self._pool.connection() as connection:
            rows = await connection.fetch(
                _LINES,
                phases,
                wanted.definition_name,
                wanted.stuck,
                wanted.started_since,
                only_live,
                min(wanted.limit, LINES_MAX),
                wanted.before,
            )
        return [_line(row) for row in rows]

    async def counts(self) -> Counts:
        rows = await self._pool.fetch(_COUNTS)
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
        rows = await self._pool.fetch(_DEFINITIONS)
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


def _snapshot(row: Row, heard_at: float) -> Snapshot:
    state = State(
        phase=Phase(row["phase"].decode()),
        vector=row["vector"],
        rollback_requested=row["rollback_requested"],
        paused=row["paused"],
        deadline=row["deadline"],
        reason=row["reason"],
    )
    return Snapshot(
        saga=row["id"],
        version=row["version"],
        definition=row["definition"],
        state=state,
        waiter=row["waiter"],
        held=frozenset(row["held"]),
        claimed=frozenset(row["claimed"]),
        unquiet=frozenset(row["unquiet"]),
        store_clock=row["now"] - heard_at,
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
