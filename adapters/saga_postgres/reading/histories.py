"""The history of many sagas, page by page in the order of the primary key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from saga.ports.saga_history import HistoryPage, SagaHistory, Transition
from saga_postgres.connection.pool import Connection
from saga_postgres.statements import statements

_SQL: Final = statements("histories")
_SAGAS: Final = _SQL["sagas"]
_NOTES: Final = _SQL["events"]
_DOCUMENTS: Final = "select id, document from definition where id = any ($1::integer[])"
_KEPT_SINCE: Final = _SQL["kept_since"]


async def read_histories(connection: Connection, first: UUID, limit: int) -> HistoryPage:
    """One snapshot: sagas, results and history are of the same moment."""
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
