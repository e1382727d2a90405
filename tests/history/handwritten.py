"""Histories written by hand. A line is a transition: the phase and the vector after it, then its notes, separated by `;`.

    R SDP  succeeded 0; failed 1

The number is the step; a note without one is about the saga.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.history import Breach, Verdict, check, plan_of
from saga.ports.saga_history import SagaHistory, Transition

SAGA = UUID(int=7)
BRINGS_A_RESULT = ("succeeded", "resolved: it happened", "frozen: executed")


def transitions(*lines: str) -> list[Transition]:
    """Reads one transition per line. Versions count from 1."""
    return [note for version, line in enumerate(lines, 1) for note in _notes(version, line)]


def _notes(version: int | None, line: str) -> Iterator[Transition]:
    phase, vector, said = line.split(maxsplit=2)
    for part in said.split(";"):
        words = part.split()
        step = int(words.pop()) if words[-1].isdigit() else None
        yield Transition(version, phase, vector, " ".join(words), step, None, 3)


def unversioned(line: str) -> list[Transition]:
    """Reads notes that belong to no transition, because they changed nothing."""
    return list(_notes(None, line))


def chronicle(notes: Sequence[Transition]) -> SagaHistory:
    """The history of a saga whose row agrees with the last transition and has the results of its reports."""
    last = max((note for note in notes if note.version is not None), key=lambda note: note.version or 0)
    results = {note.step for note in notes if note.kind in BRINGS_A_RESULT and note.step is not None}
    assert last.version is not None
    assert last.vector is not None
    return SagaHistory(SAGA, 1, last.version, last.phase, last.vector, 0.0, frozenset(results), notes)


def findings(graph: Graph, recorded: SagaHistory) -> list[Breach]:
    return check(plan_of(graph.canonical), recorded, Verdict())


def findings_of(graph: Graph, *lines: str) -> list[Breach]:
    return findings(graph, chronicle(transitions(*lines)))
