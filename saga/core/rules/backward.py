"""Backward (E7): compensates from the last steps to the first, until every step is clear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import (
    ANY_DISPATCHED,
    COMPENSATED,
    COMPENSATING,
    NO_EFFECT_LETTERS,
    SUCCEEDED,
)
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase

FOUND_NOTHING: Final = "it had not taken effect, and never will"
"""The detail of a compensation that found nothing to undo, and made sure of that."""
_JOURNALED = Mode.JOURNALED


def settle(fold: Fold) -> None:
    """Compensates each step whose successors are all clear (G11, G13); when all steps are clear, ends the saga."""
    letters = fold.letters
    clear: set[int] = set()
    for step in fold.graph.downward:
        successors_clear = clear.issuperset(fold.graph.successors[step])
        if successors_clear and not fold.paused and has_to_be_undone(fold, step):
            undo(fold, step)
        if successors_clear and letters[step] in NO_EFFECT_LETTERS:  # G12, G42
            clear.add(step)
    if len(clear) == len(letters):
        fold.end(Phase.COMPENSATED, HistoryKind.COMPENSATED_ALL)


def has_to_be_undone(fold: Fold, step: int) -> bool:
    """The step has an effect, or it is journaled and may have one (G13)."""
    letter = fold.letters[step]
    return letter == SUCCEEDED or (letter in ANY_DISPATCHED and fold.graph.steps[step].mode is _JOURNALED)


def clear_steps(graph: Graph, vector: Sequence[str]) -> set[int]:
    """Returns the steps without an effect behind which nothing has an effect either (G12, G42)."""
    clear: set[int] = set()
    for step in graph.downward:
        if vector[step] in NO_EFFECT_LETTERS and clear.issuperset(graph.successors[step]):
            clear.add(step)
    return clear


def undo(fold: Fold, step: int) -> None:
    if fold.letters[step] == SUCCEEDED and not fold.graph.steps[step].compensation:
        fold.letters[step] = COMPENSATED
        fold.note(HistoryKind.NOTHING_TO_COMPENSATE, step)
    else:
        fold.letters[step] = COMPENSATING
        fold.send(step, Operation.COMPENSATE)
