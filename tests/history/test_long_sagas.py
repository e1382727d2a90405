"""The history of a saga of many steps has the vector only in some lines; the checker finds what is altered all the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from saga.core.rules import events as ev
from saga.ports.saga_history import LETTERS_IN_EACH_LINE_MAX, SagaHistory, Transition, is_vector_kept
from tests.core.graphs import graph, step
from tests.history.alteration import altered
from tests.history.decided import Decided
from tests.history.handwritten import findings

STEPS: Final = LETTERS_IN_EACH_LINE_MAX + 6
GRAPH: Final = graph(*(step(f"s{n}", "X", after=(n - 1,) if n else ()) for n in range(STEPS)))

Alter = Callable[[list[Transition]], list[Transition]]


def recorded(saga: Decided) -> SagaHistory:
    """The history as a store records it."""
    whole = saga.chronicle()
    return altered(whole, [_as_stored(note) for note in whole.transitions])


def _as_stored(note: Transition) -> Transition:
    assert note.vector is not None
    return note if is_vector_kept(note.kind, note.vector, note.version) else note._replace(vector=None)


def completed() -> Decided:
    saga = Decided(GRAPH)
    for position in range(STEPS):
        saga.happen([ev.Succeeded(position)])
    return saga


def rolled_back() -> Decided:
    saga = Decided(GRAPH)
    for position in range(STEPS - 1):
        saga.happen([ev.Succeeded(position)])
    saga.happen([ev.Rejected(STEPS - 1, "no")])
    for position in reversed(range(STEPS - 1)):
        saga.happen([ev.Compensated(position)])
    return saga


@pytest.mark.parametrize("saga", [completed(), rolled_back()], ids=["completed", "rolled back"])
def test_a_history_without_most_vectors_keeps_the_rules(saga: Decided) -> None:
    history = recorded(saga)

    assert saga.state.phase.is_terminal
    assert sum(note.vector is None for note in history.transitions) >= STEPS - 3
    assert findings(GRAPH, history) == []


def without(version: int) -> Alter:
    return lambda notes: [note for note in notes if note.version != version]


def about(step: int, version: int) -> Alter:
    return lambda notes: [note._replace(step=step) if note.version == version else note for note in notes]


def as_kind(kind: str, version: int) -> Alter:
    return lambda notes: [note._replace(kind=kind) if note.version == version else note for note in notes]


def in_phase(phase: str, version: int) -> Alter:
    return lambda notes: [note._replace(phase=phase) if note.version == version else note for note in notes]


def again(version: int) -> Alter:
    return lambda notes: [*notes, *(note for note in notes if note.version == version)]


@pytest.mark.parametrize(
    "alter", [without(9), about(30, 9), as_kind("compensated", 9), in_phase("C", 9), again(9), without(STEPS)],
    ids=["dropped", "another step", "another kind", "another phase", "written twice", "the last but one dropped"],
)  # fmt: skip
def test_what_was_altered_in_a_line_without_a_vector_is_found(alter: Alter) -> None:
    history = recorded(completed())

    assert findings(GRAPH, altered(history, alter(list(history.transitions)))) != []
