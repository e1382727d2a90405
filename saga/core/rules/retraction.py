"""Retraction (E14): one step is undone, or kept from taking effect, while the saga goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from saga.core.definition.graph import Graph
from saga.core.definition.step import Step
from saga.core.rules import backward, rollback
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import (
    ANY_DISPATCHED,
    COMPENSATED,
    COMPENSATING,
    DISPATCHED,
    PENDING,
    QUARANTINED_COMPENSATING,
    QUARANTINED_RESOLVING,
    RESOLVING,
    SUCCEEDED,
    VOID,
)

T = TypeVar("T")
RETRACTED_LETTERS: Final = frozenset(
    (RESOLVING, COMPENSATING, QUARANTINED_RESOLVING, QUARANTINED_COMPENSATING, VOID, COMPENSATED)
)
"""The letters of a retracted step while its saga runs. They are its for good: it never succeeds again (G51)."""


def without_retracted(results: Mapping[int, T], vector: Sequence[str]) -> dict[int, T]:
    """Returns the results that others may read. That of a retracted step is none of them."""
    return {step: result for step, result in results.items() if vector[step] not in RETRACTED_LETTERS}


def is_retractable(step: Step) -> bool:
    """Returns whether it can be undone, or has no effect to undo. The pivot never is (G48), nor a check, which nobody runs."""
    return not step.pivot and (step.compensation or step.read_only) and bool(step.service)


def rests_on(graph: Graph, vector: Sequence[str], step: int) -> list[int]:
    """G49: the successors for whose sake a step that has succeeded cannot be retracted. They are neither pending nor clear."""
    if vector[step] != SUCCEEDED:
        return []
    clear = backward.clear_steps(graph, vector)
    return [after for after in graph.successors[step] if vector[after] != PENDING and after not in clear]


def may_be_retracted(graph: Graph, vector: Sequence[str], step: int) -> bool:
    """Returns whether a step of a running saga may be retracted now."""
    is_begun = vector[step] == SUCCEEDED or vector[step] in ANY_DISPATCHED
    return is_begun and is_retractable(graph.steps[step]) and not rests_on(graph, vector, step)


def retract(fold: Fold, step: int, reason: str) -> None:
    """Retracts a step that may be. What was dispatched is unknown (G50)."""
    fold.note(HistoryKind.RETRACTED, step, reason)
    if fold.letters[step] in ANY_DISPATCHED:
        is_never_claimed = fold.is_never_claimed(step)
        rollback.mark_unknown(fold, step)
        if is_never_claimed and fold.letters[step] == RESOLVING:
            rollback.void_unclaimed(fold, step)
    if fold.letters[step] in (SUCCEEDED, DISPATCHED):
        backward.undo(fold, step)
