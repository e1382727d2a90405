"""The history of many sagas, page by page, along the primary key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from saga.ports.saga_history import HistoryPage, SagaHistory, Transition
from saga_postgres.connection.pool import Connection

_SAGAS: Final = """
select s.id, s.definition, s.version, s.phase::text, s.vector, extract(epoch from s.started_at)::float8 as started_at,
       array(select r.step from step r where r.saga = s.id) as results
from saga s where s.id >= $1 order by s.id limit $2"""
# No line is older than its saga; a day of play, for a server whose clock was set. The condition spares the partitions of older days.
_NOTES: Final = """
select e.saga, e.version, e.phase::text, e.vector, e.kind, e.step, e.detail, e.process
from event e where e.saga = any ($1::uuid[]) and e.at >= to_timestamp($2) - interval '1 day'
order by e.saga, e.version nulls last, e.at, e.n"""
_DOCUMENTS: Final = "select id, document from definition where id = any ($1::integer[])"
_KEPT_SINCE: Final = """
select extract(epoch from min(substring(pg_get_expr(c.relpartbound, c.oid) from $$FROM \\('([^']+)'\\)$$)::timestamptz))::float8
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = to_regclass('event') and c.relname ~ '^event_\\d{8}$'"""


async def read_histories(connection: Connection, first: UUID, limit: int) -> HistoryPage:
    """One snapshot: the rows, their results and their lines are of the same moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        rows = await connection.fetch(_SAGAS, first, limit)
        kept_since: float | None = await connection.fetchval(_KEPT_SINCE)
        if not rows:
            return HistoryPage([], {}, kept_since)
        earliest = min(row["started_at"] for row in rows)
        lines = await connection.fetch(_NOTES, [row["id"] for row in rows], earliest)
        documents = await connection.fetch(_DOCUMENTS, list({row["definition"] for row in rows}))
    notes: dict[UUID, list[Transition]] = {row["id"]: [] for row in rows}
    for saga, *fields in lines:
        notes[saga].append(Transition(*fields))
    chronicles = [_chronicle(row, notes[row["id"]]) for row in rows]
    return HistoryPage(chronicles, {row["id"]: row["document"] for row in documents}, kept_since)


def _chronicle(row: Mapping[str, Any], notes: list[Transition]) -> SagaHistory:
    return SagaHistory(
        saga=row["id"],
        definition=row["definition"],
        version=row["version"],
        phase=row["phase"],
        vector=row["vector"],
        started_at=row["started_at"],
        results=frozenset(row["results"]),
        transitions=notes,
    )
