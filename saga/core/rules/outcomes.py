"""Outcomes (E3, E4, E8, E9, E14r): success, rejection, compensation, void. An outcome that is already recorded changes nothing."""

from __future__ import annotations

from typing import Final

from saga.core.rules import abandon, backward, forward, pivot, rollback
from saga.core.rules import events as ev
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import (
    ANY_COMPENSATING,
    ANY_DISPATCHED,
    ANY_RESOLVING,
    ANY_VOIDING,
    COMPENSATED,
    OPEN_LETTERS,
    QUARANTINED_DISPATCHED,
    REJECTED,
    SUCCEEDED,
    VOID,
)
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase

_RUNNING, _COMPENSATING, _JOURNALED = Phase.RUNNING, Phase.COMPENSATING, Mode.JOURNALED
_UNDOING: Final = (_RUNNING, _COMPENSATING)
MAY_NOT_REJECT: Final = "it may not reject, the pivot has passed"
"""Part of the reason if a step is quarantined because it was rejected behind the pivot."""
_WITHOUT_EFFECT: Final = frozenset((REJECTED, VOID))


def on_succeeded(fold: Fold, event: ev.Succeeded) -> None:
    record_success(fold, event.step)


def on_rejected(fold: Fold, event: ev.Rejected) -> None:
    record_rejection(fold, event.step, event.reason)


def on_cancelled(fold: Fold, event: ev.Cancelled) -> None:
    """E15: the event of a wait that cancels the saga. Too late, it is not even recorded as consumed (G58)."""
    if fold.phase is _RUNNING and fold.letters[event.step] in ANY_DISPATCHED:
        fold.letters[event.step] = SUCCEEDED
        fold.note(HistoryKind.SUCCEEDED, event.step, event.reason)
        rollback.request_rollback(fold, event.reason)
        forward.advance(fold, fold.graph.successors[event.step])  # only if the rollback was refused
    else:
        fold.note(HistoryKind.LATE_SUCCESS, event.step)


def on_compensated(fold: Fold, event: ev.Compensated) -> None:
    record_compensation(fold, event.step, backward.FOUND_NOTHING if event.found_nothing else None)


def on_reported(fold: Fold, event: ev.Reported) -> None:
    if abandon.thaw_by_journal(fold, event):
        return
    if event.report is ev.JournalReport.EXECUTED:
        record_success(fold, event.step)
    elif event.report is ev.JournalReport.COMPENSATED:
        record_compensation(fold, event.step)
    elif fold.letters[event.step] in ANY_VOIDING:
        record_void(fold, event.step)
    else:
        fold.note(HistoryKind.LATE_REPORT, event.step, event.report.value)


def on_absent(fold: Fold, event: ev.Absent) -> None:
    if fold.phase is _COMPENSATING or fold.letters[event.step] in ANY_RESOLVING:
        record_rejection(fold, event.step, "the probe says that it did not happen")
    elif fold.rollback_requested and event.step == fold.graph.pivot:
        record_void(fold, event.step)


def record_success(fold: Fold, step: int) -> None:
    """E3. G8: a success advances only a running saga; while compensating, it resolves a step of unknown outcome.

    E14r: a step that was retracted in the meantime is undone; its success counts no more (G51).
    """
    letter = fold.letters[step]
    if fold.phase is _RUNNING and letter in OPEN_LETTERS:
        fold.letters[step] = SUCCEEDED
        fold.note(HistoryKind.SUCCEEDED, step)
        if step == fold.graph.pivot:
            pivot.pass_pivot(fold)
            forward.advance_all(fold)
        else:
            forward.advance(fold, fold.graph.successors[step])
    elif fold.phase is _COMPENSATING and is_unresolved(fold, step):
        fold.letters[step] = SUCCEEDED
        fold.note(HistoryKind.RESOLVED_HAPPENED, step)
        backward.settle(fold)
    elif fold.phase is _RUNNING and letter in ANY_RESOLVING:
        fold.note(HistoryKind.RESOLVED_HAPPENED, step)
        backward.undo(fold, step)
    elif letter != SUCCEEDED:
        fold.note(HistoryKind.LATE_SUCCESS, step)


def is_unresolved(fold: Fold, step: int) -> bool:
    """Returns whether the outcome is unknown while compensating: an external step is being resolved, a journaled one waits."""
    letter = fold.letters[step]
    return letter in ANY_RESOLVING or (letter in ANY_DISPATCHED and fold.graph.steps[step].mode is _JOURNALED)


def record_rejection(fold: Fold, step: int, reason: str) -> None:
    """E4: rolls back, or quarantines the step if the pivot has passed (G34). E4h: where it is handled, the saga goes on."""
    letter = fold.letters[step]
    if fold.phase is _RUNNING and letter in OPEN_LETTERS:
        if fold.graph.steps[step].goes_on and letter in ANY_DISPATCHED:
            forward.go_on_after_rejection(fold, step, reason)
            return
        if pivot.is_pivot_passed(fold.graph, fold.letters):
            fold.quarantine(step, QUARANTINED_DISPATCHED, f"{reason}: {MAY_NOT_REJECT}")
            return
        fold.letters[step] = REJECTED
        fold.note(HistoryKind.REJECTED, step, reason)
        rollback.request_rollback(fold, f"{fold.graph.steps[step].name}: {reason}")
    elif fold.phase is _COMPENSATING and is_unresolved(fold, step):
        fold.letters[step] = VOID if letter in ANY_RESOLVING else REJECTED
        fold.note(HistoryKind.RESOLVED_DID_NOT_HAPPEN, step, reason)
        backward.settle(fold)
    elif fold.phase is _RUNNING and letter in ANY_RESOLVING:
        fold.letters[step] = VOID
        fold.note(HistoryKind.RESOLVED_DID_NOT_HAPPEN, step, reason)
        forward.advance_all(fold)
    elif letter not in _WITHOUT_EFFECT:
        fold.note(HistoryKind.LATE_REJECTION, step, reason)


def record_compensation(fold: Fold, step: int, detail: str | None = None) -> None:
    """E8: the step is undone. E14r: it was retracted, and what waits for it goes on (G52, G54)."""
    letter = fold.letters[step]
    if fold.phase in _UNDOING and letter in ANY_COMPENSATING:
        fold.letters[step] = COMPENSATED
        fold.note(HistoryKind.COMPENSATED, step, detail)
        if fold.phase is _RUNNING:
            forward.advance_all(fold)
        else:
            backward.settle(fold)
    elif letter != COMPENSATED:
        fold.note(HistoryKind.LATE_COMPENSATION, step)


def record_void(fold: Fold, step: int) -> None:
    """E9: the pivot will never execute."""
    letter = fold.letters[step]
    if fold.phase is _RUNNING and letter in OPEN_LETTERS:
        fold.letters[step] = VOID
        fold.note(HistoryKind.VOIDED, step)
        rollback.roll_back(fold, f"{fold.graph.steps[step].name}: voided")
    elif letter != VOID:
        fold.note(HistoryKind.LATE_VOID, step)
