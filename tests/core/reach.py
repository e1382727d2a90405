"""Every state that some sequence of events leads to, and every change of a letter or a phase on the way.

Any event may come at any time, even one that no participant sends: `decide` must handle it, and the tables must hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, SupportsIndex

import pytest

from saga.core.condition.facts import NO_FACTS, Facts
from saga.core.definition.graph import Graph
from saga.core.rules import decide as decide_module
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Decision
from saga.core.rules.fold import Fold
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state

STATES_MAX = 20_000
NOW = 1_000.0


class Change(NamedTuple):
    """A change of a letter, and the phase in which it was made."""

    before: str
    after: str
    phase: Phase
    mode: Mode


class _Letters(list[str]):
    """A vector that records its changes."""

    def __init__(self, letters: list[str], fold: RecordingFold) -> None:
        super().__init__(letters)
        self.fold = fold

    def __setitem__(self, at: SupportsIndex | slice, letter: object) -> None:
        assert isinstance(at, int)
        assert isinstance(letter, str)
        fold = self.fold
        if self[at] != letter:
            fold.changes.add(Change(self[at], letter, fold.phase, fold.graph.steps[at].mode))
        super().__setitem__(at, letter)


class RecordingFold(Fold):
    """A fold that records every change that the rules make."""

    __slots__ = ("changes", "phases")

    def __init__(
        self, graph: Graph, state: State, now: float, *, enforce_deadline: bool, facts: Facts = NO_FACTS
    ) -> None:
        super().__init__(graph, state, now, enforce_deadline=enforce_deadline, facts=facts)
        self.changes = CHANGES
        self.letters = _Letters(self.letters, self)


CHANGES: set[Change] = set()


@dataclass
class Reached:
    """The states that were found, the decisions made on them, and the changes of phase and letters."""

    states: set[State] = field(default_factory=set)
    decisions: list[tuple[State, ev.Event, Decision]] = field(default_factory=list)
    changes: set[Change] = field(default_factory=set)


def reach(graph: Graph) -> Reached:
    """Visits every state of this graph."""
    found = Reached()
    todo = [initial_state(graph, now=NOW)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide_module, "Fold", RecordingFold)
        CHANGES.clear()
        while todo:
            state = todo.pop()
            if state in found.states:
                continue
            found.states.add(state)
            assert len(found.states) <= STATES_MAX
            for event in every_event(graph):
                decision = decide(graph, state, [event], now=NOW, jitter=0.5, enforce_deadline=True)
                found.decisions.append((state, event, decision))
                todo.append(_plain(decision.state))
    found.changes = set(CHANGES)
    return found


def every_event(graph: Graph) -> Iterator[ev.Event]:
    yield from (
        ev.Started(),
        ev.RollbackRequested("cancelled"),
        ev.RollbackRequested("deadline passed", deadline=True),
        ev.Redriven(),
    )
    yield from (ev.Paused(), ev.Resumed(), ev.Abandoned())
    for step in range(len(graph.steps)):
        if graph.steps[step].mode is Mode.ENGINE:
            yield ev.Cancelled(step, "no")
            yield ev.Failed(step, "it cannot be stored", failures=1, first_failure_ago_seconds=0.0, final=True)
        yield from (ev.Succeeded(step), ev.Rejected(step, "no"), ev.Compensated(step), ev.Absent(step), ev.Quiet(step))
        yield from (ev.Reported(step, finding) for finding in ev.JournalReport)
        yield from (
            ev.Retried(step),
            ev.Happened(step),
            ev.DidNotHappen(step),
            ev.CompensatedByHand(step),
            ev.Skipped(step),
            ev.Retracted(step, "not wanted"),
        )
        yield ev.Ongoing(step, again_in_seconds=1.0)
        yield ev.Failed(step, "down", failures=1, first_failure_ago_seconds=0.0)
        yield ev.Failed(step, "down", failures=9, first_failure_ago_seconds=9.0)


def _plain(state: State) -> State:
    """The state without texts and clock, which would make every state unique."""
    return State(
        phase=state.phase,
        vector=state.vector,
        rollback_requested=state.rollback_requested,
        paused=state.paused,
        deadline=None,
        reason=None,
    )
