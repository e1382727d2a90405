"""Histories written by hand. A line is a transition: the phase and the vector after it, then what is noted, separated by `;`.

    R SDP  succeeded 0; failed 1

The number is the step; without one the note is about the saga.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from saga.core.graph import Graph
from saga.history import Chronicle, Finding, Note, Verdict, check, plan_of

SAGA = UUID(int=7)
BRINGS_A_RESULT = ("succeeded", "resolved: it happened", "frozen: executed")


def told(*lines: str) -> list[Note]:
    """Versions count from 1."""
    return [note for version, line in enumerate(lines, 1) for note in _notes(version, line)]


def _notes(version: int | None, line: str) -> Iterator[Note]:
    phase, vector, said = line.split(maxsplit=2)
    for part in said.split(";"):
        words = part.split()
        step = int(words.pop()) if words[-1].isdigit() else None
        yield Note(version, phase, vector, " ".join(words), step, None, 3)


def still(line: str) -> list[Note]:
    """Notes of something that changed nothing."""
    return list(_notes(None, line))


def chronicle(notes: Sequence[Note]) -> Chronicle:
    """The history of a saga whose row is as its last transition has left it, and which has the results that its reports brought."""
    last = max((note for note in notes if note.version is not None), key=lambda note: note.version or 0)
    results = {note.step for note in notes if note.kind in BRINGS_A_RESULT and note.step is not None}
    assert last.version is not None
    return Chronicle(SAGA, 1, last.version, last.phase, last.vector, 0.0, frozenset(results), notes)


def findings(graph: Graph, recorded: Chronicle) -> list[Finding]:
    return check(plan_of(graph.canonical), recorded, Verdict())


def findings_of(graph: Graph, *lines: str) -> list[Finding]:
    return findings(graph, chronicle(told(*lines)))
