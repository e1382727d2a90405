"""The pivot (G29 to G35): no rollback after it has succeeded, and none while its outcome is unknown."""

from __future__ import annotations

from collections.abc import Sequence

from saga.core.definition.graph import Graph
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import (
    ANY_DISPATCHED,
    OPEN_LETTERS,
    PASSED_LETTERS,
    QUARANTINED_DISPATCHED,
    REJECTED,
    VOIDING,
)
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation

_TRANSACTIONAL, _JOURNALED = Mode.TRANSACTIONAL, Mode.JOURNALED


def is_pivot_passed(graph: Graph, vector: Sequence[str]) -> bool:
    """G29, G30: the pivot has succeeded or was skipped; from here the saga only goes forward."""
    return graph.pivot >= 0 and vector[graph.pivot] in PASSED_LETTERS


def hold_for_pivot(fold: Fold, reason: str) -> bool:
    """G31, G32: records a rollback request while the pivot's outcome is unknown; the outcome decides about it.

    Returns False if nothing holds the rollback up. A transactional pivot does not: its commit finds the saga rolled back. Nor does
    an external pivot that was never claimed (G135).
    """
    pivot = fold.graph.pivot
    if pivot < 0 or fold.letters[pivot] not in OPEN_LETTERS:
        return False
    mode = fold.graph.steps[pivot].mode
    if mode is _TRANSACTIONAL or fold.is_never_claimed(pivot):
        return False
    if not fold.rollback_requested:
        fold.note(HistoryKind.ROLLBACK_WAITS, pivot, f"{reason}: the outcome of the pivot is not known yet")
    fold.rollback_requested, fold.reason = True, fold.reason or reason
    if mode is _JOURNALED and fold.letters[pivot] in ANY_DISPATCHED:
        fold.letters[pivot] = VOIDING
        fold.send(pivot, Operation.VOID_OR_REPORT)
    return True


def pass_pivot(fold: Fold) -> None:
    """The pivot has succeeded: refuses a waiting rollback (G33), quarantines the rejections kept until now (G35)."""
    if fold.rollback_requested:
        fold.note(HistoryKind.ROLLBACK_REFUSED, fold.graph.pivot, f"{fold.reason}: the pivot has passed")
    fold.rollback_requested, fold.reason = False, None
    for step, letter in enumerate(fold.letters):
        if letter == REJECTED:
            fold.quarantine(step, QUARANTINED_DISPATCHED, "it was rejected, but the pivot has passed")
