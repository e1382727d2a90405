"""Operators (E10 by hand): pause, resume, retry, declare what happened, skip."""

from __future__ import annotations

from typing import Final

from saga.core.rules import backward, forward, outcomes, pivot, retraction, retries
from saga.core.rules import events as ev
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import (
    DECLARABLE_LETTERS,
    QUARANTINED_COMPENSATING,
    QUARANTINED_DISPATCHED,
    QUARANTINED_LETTERS,
    QUARANTINED_RESOLVING,
    RELEASED_FROM,
    SKIPPED,
)
from saga.core.state.phase import Phase

_PAUSABLE: Final = (Phase.RUNNING, Phase.COMPENSATING)


def on_paused(fold: Fold, _: ev.Paused) -> None:
    if not fold.paused and fold.phase in _PAUSABLE:
        fold.paused = True
        fold.note_saga(HistoryKind.PAUSED)


def on_resumed(fold: Fold, _: ev.Resumed) -> None:
    if not fold.paused:
        return
    fold.paused = False
    fold.note_saga(HistoryKind.RESUMED)
    if fold.phase is Phase.COMPENSATING:
        backward.settle(fold)
    forward.advance_all(fold)
    retries.on_redriven(fold, ev.Redriven())


def on_retried(fold: Fold, event: ev.Retried) -> None:
    letter = fold.letters[event.step]
    waits_for_successors = letter == QUARANTINED_DISPATCHED and fold.phase is Phase.COMPENSATING
    if letter not in QUARANTINED_LETTERS or waits_for_successors:
        return
    fold.letters[event.step] = RELEASED_FROM[letter]
    fold.note(HistoryKind.RETRIED, event.step)
    operation = fold.operation(event.step)
    if operation is not None:
        fold.send(event.step, operation)


def on_happened(fold: Fold, event: ev.Happened) -> None:
    if fold.letters[event.step] in DECLARABLE_LETTERS:
        fold.note(HistoryKind.OPERATOR_HAPPENED, event.step)
        outcomes.record_success(fold, event.step)


def on_did_not_happen(fold: Fold, event: ev.DidNotHappen) -> None:
    """Refused behind the pivot, where only a success lets the saga end (an operator may skip the step instead).

    A step that was retracted is never needed: there it may be declared anywhere.
    """
    letter = fold.letters[event.step]
    is_needed = letter != QUARANTINED_RESOLVING and pivot.is_pivot_passed(fold.graph, fold.letters)
    if letter not in DECLARABLE_LETTERS or is_needed:
        return
    fold.note(HistoryKind.OPERATOR_DID_NOT_HAPPEN, event.step)
    if fold.phase is Phase.RUNNING and event.step == fold.graph.pivot:
        outcomes.record_void(fold, event.step)
    else:
        outcomes.record_rejection(fold, event.step, "an operator says that it did not happen")


def on_skipped(fold: Fold, event: ev.Skipped) -> None:
    """Only behind the pivot: before it, the saga is rolled back instead."""
    is_running = fold.phase is Phase.RUNNING
    is_quarantined = fold.letters[event.step] == QUARANTINED_DISPATCHED
    if is_running and is_quarantined and pivot.is_pivot_passed(fold.graph, fold.letters):
        fold.letters[event.step] = SKIPPED
        fold.note(HistoryKind.SKIPPED, event.step)
        forward.advance(fold, fold.graph.successors[event.step])


def on_retracted(fold: Fold, event: ev.Retracted) -> None:
    """G47: only of a saga that is running at the write."""
    if fold.phase is Phase.RUNNING and retraction.may_be_retracted(fold.graph, fold.letters, event.step):
        retraction.retract(fold, event.step, event.reason)
        forward.advance_all(fold)


def on_compensated_by_hand(fold: Fold, event: ev.CompensatedByHand) -> None:
    if fold.letters[event.step] == QUARANTINED_COMPENSATING:
        fold.note(HistoryKind.OPERATOR_UNDONE, event.step)
        outcomes.record_compensation(fold, event.step)
