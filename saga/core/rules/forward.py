"""Forward (E1, E5): dispatch the steps whose predecessors are finished; when every step is finished, complete the saga."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from saga.core.definition.step import StepKind, Timer
from saga.core.rules import branches, rollback
from saga.core.rules import events as ev
from saga.core.rules.branches import Turn
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.letters import DISPATCHED, FINISHED_LETTERS, PENDING
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase

_RUNNING, _STARTED = Phase.RUNNING, HistoryKind.STARTED


def on_started(fold: Fold, _: ev.Started) -> None:
    fold.note_saga(_STARTED)
    advance_all(fold)


def advance_all(fold: Fold) -> None:
    advance(fold, range(len(fold.letters)))


def advance(fold: Fold, candidates: Iterable[int]) -> None:
    """Dispatches the candidates that are ready, unless the saga is complete, overdue, paused or about to roll back."""
    if not fold.graph.is_static and fold.phase is _RUNNING:
        candidates = [*candidates, *_skip_unneeded(fold)]
    if fold.phase is not _RUNNING or complete_if_done(fold) or rollback.roll_back_if_overdue(fold):
        return
    if fold.rollback_requested or fold.paused:
        return
    if not fold.graph.is_static:
        _advance_branches(fold, candidates)
        return
    for step in candidates:
        if fold.letters[step] == PENDING and is_ready(fold, step):
            dispatch(fold, step)


def _advance_branches(fold: Fold, candidates: Iterable[int]) -> None:
    """Begins the candidates whose turn it is, and then those that come next because a step needed no command."""
    waiting = deque(sorted(candidates, key=lambda step: fold.graph.steps[step].kind is StepKind.CALL))  # checks first
    is_any_finished = False
    while waiting and fold.phase is _RUNNING and not fold.rollback_requested:
        step = waiting.popleft()
        turn = branches.turn_of(fold, step) if fold.letters[step] == PENDING else Turn.NOT_YET
        if turn is Turn.CALL:
            dispatch(fold, step)
        elif turn is Turn.FINISHED:
            is_any_finished = True
            waiting.extend(fold.graph.successors[step])
            waiting.extend(_skip_unneeded(fold))
    if is_any_finished and fold.phase is _RUNNING:
        complete_if_done(fold)


def _skip_unneeded(fold: Fold) -> list[int]:
    """Skips the engine steps that nothing waits for any more. Returns the steps behind them."""
    if fold.graph.cancelling and is_pivot_passed(fold.graph, fold.letters):
        branches.skip_cancelling(fold)
    skipped = branches.skip_timers(fold) if fold.graph.timers_with_end else []
    return [successor for step in skipped for successor in fold.graph.successors[step]]


def go_on_after_rejection(fold: Fold, step: int, reason: str) -> None:
    """E4h: a step whose rejection is handled has finished."""
    branches.record_handled(fold, step, reason)
    advance(fold, fold.graph.successors[step])


def complete_if_done(fold: Fold) -> bool:
    """G10: completes when every step is finished, not only the leaves. The deadline comes second: a complete saga is not late."""
    if not FINISHED_LETTERS.issuperset(fold.letters):
        if not fold.graph.cancelling or not branches.are_others_finished(fold):
            return False
        branches.skip_cancelling(fold)
    fold.end(Phase.COMPLETED, HistoryKind.COMPLETED)
    return True


def is_ready(fold: Fold, step: int) -> bool:
    return FINISHED_LETTERS.issuperset(map(fold.letters.__getitem__, fold.graph.steps[step].after))


def dispatch(fold: Fold, step: int) -> None:
    written = fold.graph.steps[step]
    fold.letters[step] = DISPATCHED
    fold.send(step, Operation.EXECUTE, written.pause_ms / 1000 if isinstance(written, Timer) else 0.0)
