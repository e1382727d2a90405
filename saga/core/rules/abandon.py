"""Abandoning (E13, G40): freeze whatever may still take effect, then end once nothing frozen is open."""

from __future__ import annotations

from typing import Final

from saga.core.rules import events as ev
from saga.core.rules import rollback
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import (
    ANY_COMPENSATING,
    COMPENSATED,
    FROZEN,
    PENDING,
    SUCCEEDED,
    UNDER_WAY_LETTERS,
    UNKNOWN,
    VOID,
)
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase

_ABANDONING = Phase.ABANDONING
_JOURNALED, _EXTERNAL = Mode.JOURNALED, Mode.EXTERNAL
_IN_THE_STORE: Final = (Mode.TRANSACTIONAL, Mode.ENGINE)
_FREEZABLE: Final = UNDER_WAY_LETTERS - {FROZEN}
_THAWED: Final = {
    ev.JournalReport.EXECUTED: (SUCCEEDED, HistoryKind.FROZEN_EXECUTED),
    ev.JournalReport.VOIDED: (VOID, HistoryKind.FROZEN_VOIDED),
    ev.JournalReport.COMPENSATED: (COMPENSATED, HistoryKind.FROZEN_COMPENSATED),
}


def on_abandoned(fold: Fold, _: ev.Abandoned) -> None:
    """Freezes first; letters become final afterwards. A pause ends here: it would keep the journals from being asked."""
    if fold.phase.is_terminal or fold.phase is _ABANDONING:
        return
    rollback.void_never_claimed(fold)
    fold.phase, fold.rollback_requested, fold.paused, fold.deadline = _ABANDONING, False, False, None
    fold.note_saga(HistoryKind.ABANDONING)
    for step, letter in enumerate(fold.letters):
        if letter == PENDING:
            fold.letters[step] = VOID
        elif letter in _FREEZABLE:
            freeze(fold, step)
    end_if_thawed(fold)


def on_quiet(fold: Fold, event: ev.Quiet) -> None:
    """No call of a frozen external step can arrive any more, so nobody will ever know its outcome."""
    is_frozen = fold.phase is _ABANDONING and fold.letters[event.step] == FROZEN
    if is_frozen and fold.graph.steps[event.step].mode is _EXTERNAL:
        thaw(fold, event.step, UNKNOWN, HistoryKind.EFFECT_UNKNOWN)


def thaw_by_journal(fold: Fold, event: ev.Reported) -> bool:
    """Applies a journal's report if it is about a frozen step; returns whether it is."""
    is_frozen = fold.phase is _ABANDONING and fold.letters[event.step] == FROZEN
    if not is_frozen or fold.graph.steps[event.step].mode is not _JOURNALED:
        return False
    thaw(fold, event.step, *_THAWED[event.report])
    return True


def freeze(fold: Fold, step: int) -> None:
    mode = fold.graph.steps[step].mode
    if mode in _IN_THE_STORE:
        fold.letters[step] = SUCCEEDED if fold.letters[step] in ANY_COMPENSATING else VOID
        return
    fold.letters[step] = FROZEN
    if mode is _JOURNALED:
        fold.send(step, Operation.VOID_OR_REPORT)


def thaw(fold: Fold, step: int, letter: str, kind: HistoryKind) -> None:
    """Gives a frozen step its final letter."""
    fold.letters[step] = letter
    fold.note(kind, step)
    end_if_thawed(fold)


def end_if_thawed(fold: Fold) -> None:
    if FROZEN not in fold.letters:
        fold.end(Phase.ABANDONED, HistoryKind.ABANDONED)
