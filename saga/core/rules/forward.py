"""Forward (E1, E5): dispatch the steps whose predecessors are finished; when every step is finished, complete the saga."""

from __future__ import annotations

from collections.abc import Iterable

from saga.core.rules import events as ev
from saga.core.rules import rollback
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import DISPATCHED, FINISHED_LETTERS, PENDING, SKIPPED, SUCCEEDED
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
    if fold.phase is not _RUNNING or complete_if_done(fold) or rollback.roll_back_if_overdue(fold):
        return
    if fold.rollback_requested or fold.paused:
        return
    for step in candidates:
        if fold.letters[step] == PENDING and is_ready(fold, step):
            dispatch(fold, step)


def complete_if_done(fold: Fold) -> bool:
    """G10: completes when every step is finished, not only the leaves. The deadline comes second: a complete saga is not late."""
    if fold.letters.count(SUCCEEDED) + fold.letters.count(SKIPPED) < len(fold.letters):
        return False
    fold.end(Phase.COMPLETED, HistoryKind.COMPLETED)
    return True


def is_ready(fold: Fold, step: int) -> bool:
    return FINISHED_LETTERS.issuperset(map(fold.letters.__getitem__, fold.graph.steps[step].after))


def dispatch(fold: Fold, step: int) -> None:
    fold.letters[step] = DISPATCHED
    fold.send(step, Operation.EXECUTE)
