"""Sagas that the core drives with events in any order, and the history that a store records of them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from saga.core.condition.facts import NO_FACTS, Facts
from saga.core.condition.rejection import rejection_document
from saga.core.definition.graph import Graph
from saga.core.definition.step import Check
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.saga_state import State, initial_state
from saga.ports.saga_history import SagaHistory, Transition
from tests.core.graphs import chain, graph, shaped, step
from tests.core.reach import NOW, every_event
from tests.history.branching import branching
from tests.history.handwritten import SAGA

TRANSITIONS_MAX: Final = 14
BRANCHES: Final = ((), (0,), (0,))
GRAPHS: Final = (
    *(chain(modes, pivot=pivot) for modes in ("TTT", "JJJ", "XXX", "TJX") for pivot in (-1, 1, 2)),
    *(shaped(BRANCHES, modes, pivot=1) for modes in ("TXT", "JXX", "TTJ", "XJX")),
    shaped(((), (), (0, 1), (0,)), "XJXT"),
    graph(step("a", "X", compensation=False), step("b", "X", after=(0,), pivot=True), step("c", "X", read_only=True)),
    graph(step("a", "J", read_only=True), step("b", "X"), step("c", "T", compensation=False)),
)
RESULTS: Final = frozenset({"succeeded", "resolved: it happened", "frozen: executed", "frozen: compensated"})
REDRIVEN: Final = (HistoryEntry(HistoryKind.REDRIVEN, -1, None),)
FROM_OUTSIDE: Final = (
    ev.Paused, ev.Resumed, ev.Retried, ev.Happened, ev.DidNotHappen, ev.CompensatedByHand, ev.Skipped, ev.Retracted, ev.Abandoned,
    ev.RollbackRequested, ev.Redriven, ev.Quiet,
)  # fmt: skip


class Decided:
    """A saga that the core drives, and the history that a store records of it."""

    def __init__(self, plan: Graph, facts: Facts = NO_FACTS) -> None:
        """`facts`: the input, and what each step returns if it succeeds."""
        self.graph = plan
        self.facts = facts
        self.state = initial_state(plan, now=NOW)
        self.version = 0
        self.results: set[int] = set()
        self.claimed: set[int] = set()
        self.notes: list[Transition] = []
        self.happen([ev.Started()])

    def happen(self, events: Sequence[ev.Event]) -> None:
        self.claimed.update(getattr(event, "step", 0) for event in events if not isinstance(event, ev.Retracted))
        unclaimed = ev.Unclaimed(frozenset(range(len(self.graph.steps))) - self.claimed)
        decision = decide(
            self.graph, self.state, [unclaimed, *events], now=NOW, jitter=0.5, enforce_deadline=True, facts=self.facts
        )
        is_redriven = not self.state.phase.is_terminal and any(isinstance(event, FROM_OUTSIDE) for event in events)
        is_written = decision.changed or is_redriven
        self.version += is_written
        self._note(decision.state, decision.entries or (REDRIVEN if is_written else ()), is_written=is_written)
        self.state = decision.state

    def can_report(self, event: ev.Event) -> bool:
        """A report needs a claim: none of a step that was not dispatched, or is void because it was never claimed.

        And a journal that has reported a success never says that it is void.
        """
        step = getattr(event, "step", 0)
        if getattr(event, "report", None) is ev.JournalReport.VOIDED and step in self.results:
            return False
        return self.state.vector[step] not in ("P" if step in self.claimed else "PV")

    def _note(self, after: State, entries: Sequence[HistoryEntry], *, is_written: bool) -> None:
        version = self.version if is_written else None
        for kind, at, detail in entries:
            self.notes.append(
                Transition(version, after.phase.value, after.vector, str(kind), None if at < 0 else at, detail, 1)
            )
            if kind in RESULTS and not isinstance(self.graph.steps[at], Check):
                self.results.add(at)
            if kind is HistoryKind.HANDLED:
                self.results.add(at)
                self.facts = Facts(self.facts.input, {**self.facts.results, at: rejection_document(detail or "")})

    def chronicle(self) -> SagaHistory:
        """A success that an operator declared has no result."""
        declared = {note.step for note in self.notes if note.kind == "resolved by an operator: it happened"}
        notes = sorted(self.notes, key=lambda note: (note.version is None, note.version or 0))
        results = frozenset(self.results - declared)
        phase, vector = self.state.phase.value, self.state.vector
        return SagaHistory(SAGA, 1, self.version, phase, vector, 0.0, results, notes, self.facts)


def decided(rng: Random) -> Decided:
    """A dozen transitions, of a saga with branches or without."""
    return driven(Decided(rng.choice(GRAPHS)) if rng.random() < 0.5 else branched(rng), rng)


def branched(rng: Random) -> Decided:
    """A saga with branches that has just started."""
    plan = branching(rng)
    values = {position: str(rng.randint(0, 9)).encode() for position in range(len(plan.steps))}
    return Decided(plan, Facts(f'{{"n":{rng.randint(0, 9)}}}'.encode(), values))


def driven(saga: Decided, rng: Random) -> Decided:
    """Lets anything happen to a saga."""
    everything = [event for event in every_event(saga.graph) if not isinstance(event, ev.Started)]
    for _ in range(rng.randint(0, TRANSITIONS_MAX)):
        possible = [event for event in everything if saga.can_report(event)]
        saga.happen([rng.choice(possible) for _ in range(rng.randint(1, 3))])
    return saga
