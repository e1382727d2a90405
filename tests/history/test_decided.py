"""Histories of the core's own decisions, on random events: the checker agrees with all of them, and finds what was altered afterwards.

The core is not the checker's model: both follow the protocol, and here they are held against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from hypothesis import assume, given
from hypothesis import strategies as st

from saga.core import events as ev
from saga.core.decide import Entry, State, decide, initial_state
from saga.core.graph import Graph
from saga.history import Chronicle, Finding, Note
from tests.core.graphs import chain, graph, shaped, step
from tests.core.reach import NOW, every_event
from tests.history.told import SAGA, findings

BRANCHES: Final = ((), (0,), (0,))
GRAPHS: Final = (
    *(chain(modes, pivot=pivot) for modes in ("TTT", "JJJ", "XXX", "TJX") for pivot in (-1, 1, 2)),
    *(shaped(BRANCHES, modes, pivot=1) for modes in ("TXT", "JXX", "TTJ", "XJX")),
    shaped(((), (), (0, 1), (0,)), "XJXT"),
    graph(step("a", "X", compensation=False), step("b", "X", after=(0,), pivot=True), step("c", "X", read_only=True)),
    graph(step("a", "J", read_only=True), step("b", "X"), step("c", "T", compensation=False)),
)
RESULTS: Final = frozenset({"succeeded", "resolved: it happened", "frozen: executed", "frozen: compensated"})
LOOKED_AFTER: Final = (Entry("looked after", -1, None),)
FROM_OUTSIDE: Final = (
    ev.Paused, ev.Resumed, ev.Retried, ev.Happened, ev.DidNotHappen, ev.Undone, ev.Abandoned, ev.RollBack, ev.Tick, ev.Quiet,
)  # fmt: skip


class Decided:
    """A saga that was driven by the core, and what a store has recorded of it."""

    def __init__(self, plan: Graph) -> None:
        self.graph = plan
        self.state = initial_state(plan, now=NOW)
        self.version = 0
        self.results: set[int] = set()
        self.notes: list[Note] = []
        self.happen([ev.Started()])

    def happen(self, events: Sequence[ev.Event]) -> None:
        decision = decide(self.graph, self.state, events, now=NOW, jitter=0.5, enforce_deadline=True)
        is_looked_after = not self.state.phase.is_terminal and any(isinstance(event, FROM_OUTSIDE) for event in events)
        is_written = decision.changed or is_looked_after
        self.version += is_written
        self._note(decision.state, decision.entries or (LOOKED_AFTER if is_written else ()), is_written=is_written)
        self.state = decision.state

    def _note(self, after: State, entries: Sequence[Entry], *, is_written: bool) -> None:
        version = self.version if is_written else None
        for kind, at, detail in entries:
            self.notes.append(Note(version, after.phase.value, after.vector, kind, None if at < 0 else at, detail, 1))
            if kind in RESULTS:
                self.results.add(at)

    def chronicle(self) -> Chronicle:
        """A result that a person has declared is left out by its step's own operator line."""
        declared = {note.step for note in self.notes if note.kind == "resolved by an operator: it happened"}
        notes = sorted(self.notes, key=lambda note: (note.version is None, note.version or 0))
        results = frozenset(self.results - declared)
        phase, vector = self.state.phase.value, self.state.vector
        return Chronicle(SAGA, 1, self.version, phase, vector, 0.0, results, notes)


@st.composite
def decided(draw: st.DrawFn) -> Decided:
    """Up to a dozen transitions. Nobody reports on what was not dispatched before: the report of a claim comes after the claim."""
    saga = Decided(draw(st.sampled_from(GRAPHS)))
    everything = [event for event in every_event(saga.graph) if not isinstance(event, ev.Started)]
    for _ in range(draw(st.integers(0, 12))):
        possible = [event for event in everything if saga.state.vector[getattr(event, "step", 0)] != "P"]
        saga.happen(draw(st.lists(st.sampled_from(possible), min_size=1, max_size=3)))
    return saga


@given(decided())
def test_what_the_core_decides_keeps_the_rules(saga: Decided) -> None:
    assert findings(saga.graph, saga.chronicle()) == []


# -- what was altered afterwards ------------------------------------------------------------------------------------------

Alteration = Callable[[st.DrawFn, Chronicle], list[Note]]


def _dropped(draw: st.DrawFn, recorded: Chronicle) -> list[Note]:
    """All lines of one transition."""
    version = draw(st.integers(1, recorded.version))
    return [note for note in recorded.notes if note.version != version]


def _doubled(draw: st.DrawFn, recorded: Chronicle) -> list[Note]:
    """A transition, once more under the next version; what came later moves up."""
    version = draw(st.integers(1, recorded.version))
    notes: list[Note] = []
    for moved in (0, 1):
        notes += [
            note._replace(version=note.version + moved)
            for note in recorded.notes
            if note.version is not None and (note.version > version if moved else note.version <= version)
        ]
        notes += [
            note._replace(version=version + 1) for note in recorded.notes if note.version == version and not moved
        ]
    return notes


def _swapped(draw: st.DrawFn, recorded: Chronicle) -> list[Note]:
    """Two transitions that follow each other change places."""
    assume(recorded.version > 1)
    version = draw(st.integers(1, recorded.version - 1))
    places = {version: version + 1, version + 1: version}
    notes = [note._replace(version=places.get(note.version or 0, note.version)) for note in recorded.notes]
    return sorted(notes, key=lambda note: (note.version is None, note.version or 0))


def _altered(draw: st.DrawFn, recorded: Chronicle) -> list[Note]:
    """One letter of one transition."""
    version = draw(st.integers(1, recorded.version))
    at = draw(st.integers(0, len(recorded.vector) - 1))
    letter = draw(st.sampled_from("PDWUKdwukSNRVZG?"))
    before = next(note.vector for note in recorded.notes if note.version == version)
    assume(before[at] != letter)
    vector = before[:at] + letter + before[at + 1 :]
    return [note._replace(vector=vector) if note.version == version else note for note in recorded.notes]


def _phased(draw: st.DrawFn, recorded: Chronicle) -> list[Note]:
    """The phase of one transition."""
    version = draw(st.integers(1, recorded.version))
    phase = draw(st.sampled_from("RCADZX"))
    assume(all(note.phase != phase for note in recorded.notes if note.version == version))
    return [note._replace(phase=phase) if note.version == version else note for note in recorded.notes]


def found(draw: st.DrawFn, saga: Decided, alteration: Alteration) -> list[Finding]:
    recorded = saga.chronicle()
    notes = alteration(draw, recorded)
    assume(notes != list(recorded.notes))
    altered = Chronicle(SAGA, 1, recorded.version, recorded.phase, recorded.vector, 0.0, recorded.results, notes)
    return findings(saga.graph, altered)
