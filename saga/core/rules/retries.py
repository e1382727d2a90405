"""Sending a command again: retry or give up after an attempt without outcome (E10), redrive (E11, G6)."""

from __future__ import annotations

from typing import Final

from saga.core.definition.retry_policy import RetryPolicy
from saga.core.rules import events as ev
from saga.core.rules import forward, retraction, rollback
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import ACTIVE_LETTERS, DISPATCHED, QUARANTINE_OF, QUARANTINED_DISPATCHED
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase

_RUNNING, _COMPENSATING, _ABANDONING = Phase.RUNNING, Phase.COMPENSATING, Phase.ABANDONING
_WITHOUT_WAY_BACK: Final = ACTIVE_LETTERS - {DISPATCHED}


def on_failed(fold: Fold, event: ev.Failed, jitter: float) -> None:
    fold.note(HistoryKind.FAILED, event.step, event.error)
    operation = fold.operation(event.step)
    if operation is None or event.operation not in (None, operation):
        return
    step = fold.graph.steps[event.step]
    policy = step.retry if fold.letters[event.step] == DISPATCHED else step.compensation_retry
    pause = max(policy.pause_seconds(event.failures, jitter), event.quiet_in_seconds)
    if fold.phase is not _ABANDONING and _is_given_up(fold, event, policy):
        times = f" after {event.failures} failures" if event.failures > 1 else ""
        exhaust(fold, event.step, f"given up{times}: {event.error}")
    _ask_again(fold, event.step, operation, pause)


def on_ongoing(fold: Fold, event: ev.Ongoing) -> None:
    operation = fold.operation(event.step)
    if operation is not None:
        if _is_over_budget(fold):
            exhaust(fold, event.step, "not finished when the compensation budget was over")
        _ask_again(fold, event.step, operation, event.again_in_seconds)


def on_redriven(fold: Fold, event: ev.Redriven) -> None:
    """Sends again what the vector calls for, unless a live claim or a queued command holds it."""
    if fold.phase is _RUNNING:
        rollback.roll_back_if_released(fold)
        rollback.roll_back_if_overdue(fold)
        # A saga that was rejected before it began is stored as it begins. Builds that know no retraction do not go on behind it
        if not fold.graph.is_static or not retraction.RETRACTED_LETTERS.isdisjoint(fold.letters):
            forward.advance_all(fold)
    for step in range(len(fold.letters)):
        operation = fold.operation(step)
        if operation is not None and step not in event.held and step not in fold.commands:
            fold.send(step, operation)


def exhaust(fold: Fold, step: int, detail: str) -> None:
    """G36: rolls back if that is still possible, otherwise quarantines the step for an operator."""
    letter = fold.letters[step]
    if fold.phase is _RUNNING and letter == DISPATCHED and fold.graph.steps[step].optional:
        forward.go_on_after_rejection(fold, step, detail)
    elif fold.phase is _RUNNING and letter == DISPATCHED:
        rollback.request_rollback(fold, f"{fold.graph.steps[step].name}: {detail}")
        if fold.phase is _RUNNING and fold.letters[step] == DISPATCHED:
            fold.quarantine(step, QUARANTINED_DISPATCHED, detail)
    elif letter in _WITHOUT_WAY_BACK:
        fold.quarantine(step, QUARANTINE_OF[letter], detail)


def _is_given_up(fold: Fold, event: ev.Failed, policy: RetryPolicy) -> bool:
    too_long = policy.give_up_after_ms is not None and event.first_failure_ago_seconds * 1000 >= policy.give_up_after_ms
    return event.final or too_long or _is_over_budget(fold) or policy.is_exhausted(event.failures)


def _is_over_budget(fold: Fold) -> bool:
    is_late = fold.deadline is not None and fold.now >= fold.deadline
    return fold.phase is _COMPENSATING and is_late and fold.enforce_deadline


def _ask_again(fold: Fold, step: int, operation: Operation, after_seconds: float) -> None:
    """Sends the command again later, if the vector still calls for it.

    An external step that is rolled back meanwhile keeps its pause (G25).
    """
    if fold.phase is _RUNNING:
        rollback.roll_back_if_overdue(fold)
    if fold.operation(step) is operation:
        fold.send(step, operation, after_seconds)
