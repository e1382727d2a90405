"""The history of many sagas, page by page in the order of the primary key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from saga.core.condition.facts import Facts
from saga.core.definition.graph import graph_from_json
from saga.errors import DefinitionError
from saga.ports.saga_history import HistoryPage, SagaHistory, Transition, steps_to_read
from saga_postgres.connection.pool import Connection
from saga_postgres.statements import statements

_SQL: Final = statements("histories")
_SAGAS: Final = _SQL["sagas"]
_NOTES: Final = _SQL["events"]
_DOCUMENTS: Final = "select id, document from definition where id = any ($1::integer[])"
_FACTS: Final = _SQL["facts"]
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
        found = await connection.fetch(_DOCUMENTS, list({row["definition"] for row in rows}))
        documents: dict[int, bytes] = {row["id"]: row["document"] for row in found}
        facts = await _facts(connection, rows, documents)
    notes: dict[UUID, list[Transition]] = {row["id"]: [] for row in rows}
    for saga, *fields in lines:
        notes[saga].append(Transition(*fields))
    chronicles = [_chronicle(row, notes[row["id"]], facts.get(row["id"])) for row in rows]
    return HistoryPage(chronicles, documents, kept_since)


async def _facts(
    connection: Connection, rows: Sequence[Mapping[str, Any]], documents: Mapping[int, bytes]
) -> dict[UUID, Facts]:
    """Reads the input and results on which conditions were evaluated, of the sagas that have conditions."""
    found: dict[UUID, Facts] = {}
    for number, document in documents.items():
        steps = _steps_to_read(document)
        if steps is not None:
            sagas = [row["id"] for row in rows if row["definition"] == number]
            for saga, input_, positions, results in await connection.fetch(_FACTS, sagas, steps):
                found[saga] = Facts(input_, dict(zip(positions, results, strict=True)))
    return found


def _steps_to_read(document: bytes) -> tuple[int, ...] | None:
    try:
        return steps_to_read(graph_from_json(document))
    except DefinitionError:  # a newer Saga wrote it: the checker says so
        return None


def _chronicle(row: Mapping[str, Any], notes: list[Transition], facts: Facts | None) -> SagaHistory:
    return SagaHistory(
        saga=row["id"],
        definition=row["definition"],
        version=row["version"],
        phase=row["phase"],
        vector=row["vector"],
        started_at=row["started_at"],
        results=frozenset(row["results"]),
        transitions=notes,
        facts=facts,
    )
