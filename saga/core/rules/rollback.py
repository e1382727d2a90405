"""Rollback (E6): the conditions for it, the steps that are in progress, and the deadline."""

from __future__ import annotations

from typing import Final

from saga.core.rules import backward, pivot
from saga.core.rules import events as ev
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import DISPATCHED, OPEN_LETTERS, PENDING, RESOLVING, VOID
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase

DEADLINE_PASSED: Final = "deadline passed"
"""The reason of a rollback that the deadline has caused."""
NEVER_CLAIMED: Final = "no process had ever claimed it"
"""The reason for which a rollback makes an external step void at once."""
_TRANSACTIONAL, _EXTERNAL = Mode.TRANSACTIONAL, Mode.EXTERNAL
_RUNNING, _COMPENSATING = Phase.RUNNING, Phase.COMPENSATING


def on_rollback_requested(fold: Fold, event: ev.RollbackRequested) -> None:
    """Ignores the deadline's request if the deadline was extended meanwhile, or the pivot has passed."""
    if event.deadline and (
        fold.deadline is None or fold.now < fold.deadline or pivot.is_pivot_passed(fold.graph, fold.letters)
    ):
        return
    request_rollback(fold, event.reason)


def on_unclaimed(fold: Fold, event: ev.Unclaimed) -> None:
    fold.unclaimed = event.steps


def on_extended(fold: Fold, event: ev.Extended) -> None:
    if fold.deadline is not None and not fold.phase.is_terminal:
        fold.deadline += event.by_seconds
        fold.note_saga(HistoryKind.DEADLINE_EXTENDED, f"by {event.by_seconds:.0f} s: an outage")


def roll_back_if_overdue(fold: Fold) -> bool:
    """Rolls back a saga whose deadline has passed. Returns whether it is no longer running."""
    if fold.deadline is None or fold.now < fold.deadline or not fold.enforce_deadline or fold.rollback_requested:
        return False
    if pivot.is_pivot_passed(fold.graph, fold.letters):
        return False
    request_rollback(fold, DEADLINE_PASSED)
    return fold.phase is not _RUNNING


def request_rollback(fold: Fold, reason: str) -> None:
    """Rolls back, unless the pivot has passed or its outcome must be known first."""
    if fold.phase is not _RUNNING:  # G5
        return
    if pivot.is_pivot_passed(fold.graph, fold.letters):  # G29
        fold.note(HistoryKind.ROLLBACK_REFUSED, fold.graph.pivot, f"{reason}: the pivot has passed")
        return
    if not pivot.hold_for_pivot(fold, reason):
        roll_back(fold, reason)


def roll_back_if_released(fold: Fold) -> None:
    """Rolls back at last if the pivot for which a requested rollback waits was never claimed (G135)."""
    if fold.rollback_requested and fold.is_never_claimed(fold.graph.pivot):
        roll_back(fold, fold.reason or "")


def roll_back(fold: Fold, reason: str) -> None:
    void_never_claimed(fold)
    fold.phase, fold.rollback_requested, fold.reason = _COMPENSATING, False, fold.reason or reason
    fold.deadline = fold.now + fold.graph.compensation_budget_seconds
    fold.note_saga(HistoryKind.ROLLING_BACK, fold.reason)
    for step, letter in enumerate(fold.letters):
        if letter == PENDING:
            fold.letters[step] = VOID
        elif letter in OPEN_LETTERS:
            mark_unknown(fold, step)
    backward.settle(fold)


def void_never_claimed(fold: Fold) -> None:
    """G135: an external step whose command no process has ever claimed has no unknown outcome."""
    for step in range(len(fold.letters)):
        if fold.is_never_claimed(step):
            void_unclaimed(fold, step)


def void_unclaimed(fold: Fold, step: int) -> None:
    fold.letters[step] = VOID
    if fold.before[step] != PENDING:
        fold.note(HistoryKind.VOIDED, step, NEVER_CLAIMED)


def mark_unknown(fold: Fold, step: int) -> None:
    """G14: settles a dispatched step of unknown outcome by its mode."""
    mode = fold.graph.steps[step].mode
    if mode is _TRANSACTIONAL or fold.graph.steps[step].read_only:
        fold.letters[step] = VOID  # a transactional commit will find the saga rolled back
    elif mode is _EXTERNAL:
        fold.letters[step] = RESOLVING  # G22: redriven until the answer is definite
        fold.send(step, Operation.EXECUTE)
    else:
        fold.letters[step] = DISPATCHED  # needs no command now: its compensation will find out
