"""Histories written by hand. A line is a transition: the phase and the vector after it, then its notes, separated by `;`.

    R SDP  succeeded 0; failed 1

The number is the step; a note without one is about the saga. A detail stands behind it in parentheses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from saga.core.condition.facts import NO_FACTS, Facts
from saga.core.condition.rejection import rejection_document
from saga.core.definition.graph import Graph
from saga.core.definition.step import Check
from saga.history import Breach, Rule, Verdict, check, plan_of
from saga.ports.saga_history import SagaHistory, Transition

SAGA = UUID(int=7)
HANDLED = "rejected, handled"
BRINGS_A_RESULT = ("succeeded", "resolved: it happened", "frozen: executed")


def transitions(*lines: str) -> list[Transition]:
    """Reads one transition per line. Versions count from 1."""
    return [note for version, line in enumerate(lines, 1) for note in _notes(version, line)]


def _notes(version: int | None, line: str) -> Iterator[Transition]:
    phase, vector, said = line.split(maxsplit=2)
    for part in said.split(";"):
        words, _, detail = part.partition("(")
        kind = words.split()
        step = int(kind.pop()) if kind[-1].isdigit() else None
        yield Transition(version, phase, vector, " ".join(kind), step, detail.strip(" )") or None, 3)


def unversioned(line: str) -> list[Transition]:
    """Reads notes that belong to no transition, because they changed nothing."""
    return list(_notes(None, line))


def chronicle(
    notes: Sequence[Transition], facts: Facts = NO_FACTS, checks: Collection[int] = frozenset()
) -> SagaHistory:
    """The history of a saga whose row agrees with the last transition and has the results of its reports.

    `facts`: the input, and the results of its successes. `checks`: the steps that are checks, which have no result.
    """
    last = max((note for note in notes if note.version is not None), key=lambda note: note.version or 0)
    results = {note.step for note in notes if note.kind in BRINGS_A_RESULT and note.step is not None}
    reasons = {
        note.step: rejection_document(note.detail or "")
        for note in notes
        if note.kind == HANDLED and note.step is not None
    }
    recorded = Facts(facts.input, {**facts.results, **reasons})
    assert last.version is not None
    assert last.vector is not None
    return SagaHistory(
        SAGA,
        1,
        last.version,
        last.phase,
        last.vector,
        0.0,
        frozenset({*results, *reasons}.difference(checks)),
        notes,
        recorded,
    )


def findings(graph: Graph, recorded: SagaHistory) -> list[Breach]:
    return check(plan_of(graph.canonical), recorded, Verdict())


def findings_of(graph: Graph, *lines: str, facts: Facts = NO_FACTS) -> list[Breach]:
    return findings(graph, chronicle(transitions(*lines), facts, checks_of(graph)))


def checks_of(graph: Graph) -> frozenset[int]:
    return frozenset(position for position, step in enumerate(graph.steps) if isinstance(step, Check))


@dataclass(frozen=True)
class Pair:
    """`right` keeps the rule, `wrong` breaks it."""

    rule: Rule
    graph: Graph
    right: tuple[str, ...]
    wrong: tuple[str, ...]
    facts: Facts = NO_FACTS
