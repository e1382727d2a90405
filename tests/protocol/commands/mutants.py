"""The production rules without one guard: `cases` has the configurations in which the explorer must notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final

from saga.core.definition.graph import Graph
from saga.core.rules import abandon, backward, branches, forward, outcomes, pivot, retraction, retries, rollback
from saga.core.rules import events as ev
from saga.core.rules.branches import Join
from saga.core.rules.fold import Fold
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import FINISHED_LETTERS, NO_EFFECT_LETTERS, OPEN_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from tests.protocol.commands.replaced import Mutant, Replaced


def roll_back_what_is_not_running(fold: Fold, reason: str) -> None:
    phase, fold.phase = fold.phase, Phase.RUNNING
    _REQUEST_ROLLBACK(fold, reason)
    if fold.phase is Phase.RUNNING:
        fold.phase = phase


def advance_on_a_late_success(fold: Fold, step: int) -> None:
    late = fold.phase is Phase.COMPENSATING and fold.letters[step] in "KV"
    _RECORD_SUCCESS(fold, step)
    if late:
        fold.letters[step] = "S"
        for follower in fold.graph.successors[step]:
            forward.dispatch(fold, follower)


def complete_with_the_leaves(fold: Fold) -> bool:
    leaves = [step for step, followers in enumerate(fold.graph.successors) if not followers]
    if not all(fold.letters[leaf] in "SN" for leaf in leaves):
        return False
    fold.phase = Phase.COMPLETED
    return True


class Settling:
    """E7 with its conditions as separate methods."""

    def __init__(self, fold: Fold) -> None:
        self.fold = fold
        self.letters = fold.letters
        self.successors = fold.graph.successors

    @classmethod
    def settle(cls, fold: Fold) -> None:
        settling = cls(fold)
        for step in fold.graph.downward:
            if backward.has_to_be_undone(fold, step) and settling.may_be_undone(step):
                backward.undo(fold, step)
        if all(settling.is_clear(step) for step in range(len(fold.letters))):
            fold.phase = Phase.COMPENSATED

    def may_be_undone(self, step: int) -> bool:
        return all(self.is_clear(follower) for follower in self.successors[step])

    def is_clear(self, step: int) -> bool:
        return self.letters[step] in NO_EFFECT_LETTERS and self.may_be_undone(step)


class UndoesBeforeItsSuccessors(Settling):
    def may_be_undone(self, step: int) -> bool:
        followers = self.successors[step]
        succeeded = self.letters[step] == "S" and all(self.letters[follower] != "S" for follower in followers)
        return succeeded or super().may_be_undone(step)


class TakesSkippedForClear(Settling):
    def is_clear(self, step: int) -> bool:
        return self.letters[step] == "N" or super().is_clear(step)


class TakesHandledForClear(Settling):
    def is_clear(self, step: int) -> bool:
        return self.letters[step] == "H" or super().is_clear(step)


class TakesRetractedForClear(Settling):
    def is_clear(self, step: int) -> bool:
        return self.letters[step] in "VZ" or super().is_clear(step)


class UndoesUnknownAtOnce(Settling):
    def may_be_undone(self, step: int) -> bool:
        return self.letters[step] in "Dd" or super().may_be_undone(step)


def forget_dispatched(fold: Fold, step: int) -> None:
    fold.letters[step] = "D" if fold.graph.steps[step].mode is Mode.TRANSACTIONAL else "V"


def undo_unresolved(fold: Fold, step: int) -> None:
    _MARK_UNKNOWN(fold, step)
    if fold.letters[step] == "U":
        fold.letters[step] = "K"
        fold.send(step, Operation.COMPENSATE)


def roll_back_behind_the_pivot(fold: Fold, reason: str) -> None:
    if fold.phase is Phase.RUNNING and not pivot.hold_for_pivot(fold, reason):
        rollback.roll_back(fold, reason)


def is_passed_by_success_only(graph: Graph, vector: Sequence[str]) -> bool:
    return graph.pivot >= 0 and vector[graph.pivot] == "S"


def never_hold_for_pivot(_: Fold, __: str) -> bool:
    return False


def hold_back_for_ever(fold: Fold) -> None:
    requested = fold.rollback_requested
    _PASS_PIVOT(fold)
    fold.rollback_requested = requested


def roll_back_for_a_late_rejection(fold: Fold, step: int, reason: str) -> None:
    if fold.phase is Phase.RUNNING and fold.letters[step] in OPEN_LETTERS:
        fold.letters[step] = "R"
        rollback.roll_back(fold, reason)
    else:
        _RECORD_REJECTION(fold, step, reason)


def keep_rejections_behind_the_pivot(fold: Fold) -> None:
    rejected = [step for step, letter in enumerate(fold.letters) if letter == "R"]
    _PASS_PIVOT(fold)
    for step in rejected:
        fold.letters[step] = "R"


def end_without_freezing(fold: Fold) -> None:
    fold.letters = ["?" if letter == "G" else letter for letter in fold.letters]
    fold.phase = Phase.ABANDONED


def handle_exhaustion(fold: Fold, step: int, detail: str) -> None:
    if fold.phase is Phase.RUNNING and fold.letters[step] == "D" and fold.graph.steps[step].handled:
        forward.go_on_after_rejection(fold, step, detail)
    else:
        _EXHAUST(fold, step, detail)


def join_of_finished(fold: Fold, step: int) -> Join:
    finished = sum(fold.letters[before] in "SNH" for before in fold.graph.steps[step].after)
    return Join.MET if finished >= fold.graph.steps[step].successes else _JOIN_OF(fold, step)


def join_that_waits(fold: Fold, step: int) -> Join:
    join = _JOIN_OF(fold, step)
    return Join.OPEN if join is Join.SHORT else join


def retract_in_any_phase(fold: Fold, event: ev.Retracted) -> None:
    if retraction.may_be_retracted(fold.graph, fold.letters, event.step):
        retraction.retract(fold, event.step, event.reason)
        forward.advance_all(fold)


def retract_as_known(fold: Fold, step: int, reason: str) -> None:
    """Takes it for certain that an external step was executed, and that a journaled one was not."""
    mode = fold.graph.steps[step].mode
    if fold.letters[step] in "Dd" and mode is Mode.JOURNALED:
        fold.letters[step] = "V"
    elif fold.letters[step] in "Dd" and mode is Mode.EXTERNAL and not fold.is_never_claimed(step):
        backward.undo(fold, step)
    else:
        _RETRACT(fold, step, reason)


def bring_retracted_back(fold: Fold, step: int) -> None:
    if fold.phase is Phase.RUNNING and fold.letters[step] in "Uu":
        fold.letters[step] = "S"
        forward.advance_all(fold)
    else:
        _RECORD_SUCCESS(fold, step)


def is_ready_before_the_undo(fold: Fold, step: int) -> bool:
    return (FINISHED_LETTERS | {*"UuKk"}).issuperset(fold.letters[each] for each in fold.graph.steps[step].after)


def complete_before_the_undo(fold: Fold) -> bool:
    if not (FINISHED_LETTERS | {*"UuKk"}).issuperset(fold.letters):
        return False
    fold.end(Phase.COMPLETED, HistoryKind.COMPLETED)
    return True


_RETRACT = retraction.retract
_EXHAUST, _JOIN_OF = retries.exhaust, branches.join_of
_REQUEST_ROLLBACK, _MARK_UNKNOWN = rollback.request_rollback, rollback.mark_unknown
_RECORD_SUCCESS, _RECORD_REJECTION = outcomes.record_success, outcomes.record_rejection
_PASS_PIVOT = pivot.pass_pivot


def _mutant(module: ModuleType, name: str, function: Callable[..., Any]) -> Mutant:
    assert hasattr(module, name)
    return Mutant((Replaced(module, name, function),))


ROLLS_BACK_WHAT_IS_NOT_RUNNING: Final = _mutant(rollback, "request_rollback", roll_back_what_is_not_running)
ADVANCES_ON_A_LATE_SUCCESS: Final = _mutant(outcomes, "record_success", advance_on_a_late_success)
COMPLETES_WITH_ITS_LEAVES: Final = _mutant(forward, "complete_if_done", complete_with_the_leaves)
UNDOES_BEFORE_ITS_SUCCESSORS: Final = _mutant(backward, "settle", UndoesBeforeItsSuccessors.settle)
TAKES_SKIPPED_FOR_CLEAR: Final = _mutant(backward, "settle", TakesSkippedForClear.settle)
TAKES_HANDLED_FOR_CLEAR: Final = _mutant(backward, "settle", TakesHandledForClear.settle)
UNDOES_UNKNOWN_AT_ONCE: Final = _mutant(backward, "settle", UndoesUnknownAtOnce.settle)
FORGETS_DISPATCHED: Final = _mutant(rollback, "mark_unknown", forget_dispatched)
UNDOES_UNRESOLVED: Final = _mutant(rollback, "mark_unknown", undo_unresolved)
ROLLS_BACK_BEHIND_THE_PIVOT: Final = _mutant(rollback, "request_rollback", roll_back_behind_the_pivot)
IGNORES_SKIPPED_PIVOT: Final = _mutant(pivot, "is_pivot_passed", is_passed_by_success_only)
ROLLS_BACK_UNKNOWN_PIVOT: Final = _mutant(pivot, "hold_for_pivot", never_hold_for_pivot)
HOLDS_BACK_FOR_EVER: Final = _mutant(pivot, "pass_pivot", hold_back_for_ever)
ROLLS_BACK_FOR_LATE_REJECTION: Final = _mutant(outcomes, "record_rejection", roll_back_for_a_late_rejection)
KEEPS_REJECTION_BEHIND_THE_PIVOT: Final = _mutant(pivot, "pass_pivot", keep_rejections_behind_the_pivot)
ENDS_WITHOUT_FREEZING: Final = _mutant(abandon, "end_if_thawed", end_without_freezing)
HANDLES_EXHAUSTION: Final = _mutant(retries, "exhaust", handle_exhaustion)
COUNTS_FINISHED_STEPS: Final = _mutant(branches, "join_of", join_of_finished)
WAITS_FOR_A_SHORT_JOIN: Final = _mutant(branches, "join_of", join_that_waits)
TAKES_RETRACTED_FOR_CLEAR: Final = _mutant(backward, "settle", TakesRetractedForClear.settle)
RETRACTS_WHAT_IS_NOT_RUNNING: Final = Mutant(events={ev.Retracted: retract_in_any_phase})
RETRACTS_THE_PIVOT: Final = _mutant(retraction, "is_retractable", lambda step: step.compensation)
RETRACTS_UNDER_ITS_SUCCESSORS: Final = _mutant(retraction, "rests_on", lambda *_: [])
RETRACTS_AS_KNOWN: Final = _mutant(retraction, "retract", retract_as_known)
BRINGS_RETRACTED_BACK: Final = _mutant(outcomes, "record_success", bring_retracted_back)
GOES_ON_BEFORE_THE_UNDO: Final = _mutant(forward, "is_ready", is_ready_before_the_undo)
COMPLETES_BEFORE_THE_UNDO: Final = _mutant(forward, "complete_if_done", complete_before_the_undo)
NOBODY_HELPS: Final = Mutant(
    events=dict.fromkeys((ev.Retried, ev.Happened, ev.DidNotHappen, ev.CompensatedByHand), lambda fold, event: None),  # noqa: ARG005
)
