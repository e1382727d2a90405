"""The history of many sagas in memory."""

from __future__ import annotations

import heapq
from uuid import UUID

from saga.core.condition.facts import Facts
from saga.memory.data.database import Database, HistoryRow, SagaRow
from saga.ports.saga_history import HistoryPage, SagaHistory, Transition, is_vector_kept, steps_to_read


def histories(database: Database, first: UUID, limit: int) -> HistoryPage:
    """Reads the whole history for each page."""
    later = (row for row in database.sagas.values() if row.id >= first)
    rows = heapq.nsmallest(limit, later, key=lambda row: row.id.int)
    notes: dict[UUID, list[Transition]] = {row.id: [] for row in rows}
    for entry in database.history:
        if entry.saga in notes:
            notes[entry.saga].append(_note(entry))
    chronicles = [_chronicle(database, row, notes[row.id]) for row in rows]
    documents = {row.definition: database.definitions[row.definition].graph.canonical for row in rows}
    return HistoryPage(chronicles, documents, _kept_since(database))


def _chronicle(database: Database, row: SagaRow, notes: list[Transition]) -> SagaHistory:
    steps, values = steps_to_read(database.definitions[row.definition].graph), row.values()
    return SagaHistory(
        saga=row.id,
        definition=row.definition,
        version=row.version,
        phase=row.state.phase.value,
        vector=row.state.vector,
        started_at=database.epoch + row.started_at,
        results=frozenset(row.results),
        transitions=sorted(notes, key=_by_version),
        facts=None if steps is None else Facts(row.input, {step: values[step] for step in steps if step in values}),
    )


def _note(entry: HistoryRow) -> Transition:
    kind, step, detail = entry.entry
    phase, vector = entry.state.phase.value, recorded_vector(entry)
    return Transition(entry.version, phase, vector, str(kind), None if step < 0 else step, detail, entry.process)


def recorded_vector(entry: HistoryRow) -> str | None:
    """The vector of a line, where a line has one."""
    vector = entry.state.vector
    return vector if is_vector_kept(entry.entry.kind, vector, entry.version) else None


def _by_version(note: Transition) -> tuple[bool, int]:
    return (True, 0) if note.version is None else (False, note.version)


def _kept_since(database: Database) -> float | None:
    """Since when the history is complete: lines that were too old or too many were dropped."""
    history = database.history
    if len(history) == history.maxlen:
        return database.epoch + history[0].at
    return None if database.history_since is None else database.epoch + database.history_since
