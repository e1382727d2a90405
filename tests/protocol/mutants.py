"""The production rules without one guard, and the configuration in which the explorer must notice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Final, NamedTuple

from saga.core.definition.graph import Graph
from saga.core.rules import abandon, backward, forward, outcomes, pivot, rollback
from saga.core.rules import events as ev
from saga.core.rules.fold import Fold
from saga.core.state.letters import OPEN_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from tests.protocol.model import GUARDS
from tests.protocol.verdicts import PRODUCTION, Mutant, Replaced
from tests.protocol.world import Config


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
        return self.letters[step] in "RVZ" or (self.letters[step] == "N" and self.may_be_undone(step))


class UndoesBeforeItsSuccessors(Settling):
    def may_be_undone(self, step: int) -> bool:
        followers = self.successors[step]
        succeeded = self.letters[step] == "S" and all(self.letters[follower] != "S" for follower in followers)
        return succeeded or super().may_be_undone(step)


class TakesSkippedForClear(Settling):
    def is_clear(self, step: int) -> bool:
        return self.letters[step] in "RVZN"


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
NOBODY_HELPS: Final = Mutant(
    events=dict.fromkeys((ev.Retried, ev.Happened, ev.DidNotHappen, ev.CompensatedByHand), lambda fold, event: None),  # noqa: ARG005
)


class Case(NamedTuple):
    """Without this guard, the explorer finds a violation of this invariant."""

    guard: str
    mutant: Mutant
    invariant: str
    config: Config


INSIDE: Final = (
    Case("G5", ROLLS_BACK_WHAT_IS_NOT_RUNNING, "I5", Config("G5 chain3 TTT", "chain3", "TTT", faults={"cancel": 1})),
    Case("G8", ADVANCES_ON_A_LATE_SUCCESS, "I9", Config("G8 chain3 JJJ", "chain3", "JJJ", faults={"cancel": 1})),
    Case("G10", COMPLETES_WITH_ITS_LEAVES, "I7", Config("G10 vee3 TTT", "vee3", "TTT", any_joins=(2,), faults={})),
    Case("G11", UNDOES_BEFORE_ITS_SUCCESSORS, "I4", Config("G11 chain3 XXX", "chain3", "XXX", faults={"cancel": 1})),
    Case(
        "G12",
        TAKES_SKIPPED_FOR_CLEAR,
        "I4",
        Config("G12 chain4 TTTT", "chain4", "TTTT", skip=(1,), faults={"cancel": 1}),
    ),
    Case(
        "G13",
        UNDOES_UNKNOWN_AT_ONCE,
        "I4",
        Config("G13 vee3 JJJ", "vee3", "JJJ", any_joins=(2,), faults={"cancel": 1}),
    ),
    Case("G14", FORGETS_DISPATCHED, "L1", Config("G14 chain3 TTT", "chain3", "TTT", faults={"cancel": 1})),
    Case("G14", FORGETS_DISPATCHED, "I9", Config("G14 chain3 JJJ", "chain3", "JJJ", faults={"cancel": 1})),
    Case("G14", FORGETS_DISPATCHED, "I9", Config("G14 chain3 XXX", "chain3", "XXX", faults={"cancel": 1})),
    Case("G22", UNDOES_UNRESOLVED, "I9", Config("G22 chain3 XXX", "chain3", "XXX", faults={"cancel": 1})),
    Case(
        "G29",
        ROLLS_BACK_BEHIND_THE_PIVOT,
        "I8",
        Config("G29 chain3 TTT", "chain3", "TTT", pivot=0, faults={"cancel": 1}),
    ),
    Case(
        "G30",
        IGNORES_SKIPPED_PIVOT,
        "I8",
        Config("G30 chain3 TTT", "chain3", "TTT", pivot=0, skip=(0,), faults={"cancel": 1}),
    ),
    Case(
        "G31",
        ROLLS_BACK_UNKNOWN_PIVOT,
        "I8",
        Config("G31 chain3 JJJ", "chain3", "JJJ", pivot=0, faults={"cancel": 1}),
    ),
    Case(
        "G32",
        ROLLS_BACK_UNKNOWN_PIVOT,
        "I8",
        Config("G32 chain3 XXX", "chain3", "XXX", pivot=0, faults={"cancel": 1}),
    ),
    Case("G33", HOLDS_BACK_FOR_EVER, "L1", Config("G33 chain3 XXX", "chain3", "XXX", pivot=0, faults={"cancel": 1})),
    Case("G33", HOLDS_BACK_FOR_EVER, "L1", Config("G33 chain3 JJJ", "chain3", "JJJ", pivot=0, faults={"cancel": 1})),
    Case(
        "G34",
        ROLLS_BACK_FOR_LATE_REJECTION,
        "I8",
        Config("G34 chain3 TTT", "chain3", "TTT", pivot=0, faults={"reject": 1}),
    ),
    Case(
        "G35",
        KEEPS_REJECTION_BEHIND_THE_PIVOT,
        "L1",
        Config("G35 par3 TXT", "par3", "TXT", pivot=1, faults={"reject": 1}),
    ),
    Case(
        "G36",
        NOBODY_HELPS,
        "L2",
        Config("G36 chain3 XXX", "chain3", "XXX", faults={"cancel": 1, "exhaust": 1, "crash": 1}),
    ),
    Case("G36", NOBODY_HELPS, "L2", Config("G36 chain3 TTT", "chain3", "TTT", pivot=0, faults={"exhaust": 1})),
    Case("G40", ENDS_WITHOUT_FREEZING, "I6", Config("G40 chain3 JJJ", "chain3", "JJJ", faults={"abandon": 1})),
    Case("G40", ENDS_WITHOUT_FREEZING, "I6", Config("G40 chain3 XXX", "chain3", "XXX", faults={"abandon": 1})),
)
OUTSIDE: Final = tuple(
    Case(GUARDS[config.without], PRODUCTION, invariant, config)
    for invariant, config in (
        ("I6", Config("admit chain3 XXX", "chain3", "XXX", faults={"replay": 1, "reject": 1}, without="admit")),
        ("I9", Config("recheck_exec chain3 TTT", "chain3", "TTT", faults={"cancel": 1}, without="recheck_exec")),
        (
            "I2",
            Config(
                "recheck_comp chain3 TTT", "chain3", "TTT", faults={"cancel": 1, "crash": 1}, without="recheck_comp"
            ),
        ),
        ("I9", Config("version chain3 TTT", "chain3", "TTT", optimistic=True, faults={"cancel": 1}, without="version")),
        ("L1", Config("redrive chain3 TTT", "chain3", "TTT", faults={"loss": 1}, without="redrive")),
        ("L1", Config("lease chain3 TTT", "chain3", "TTT", faults={"crash": 1}, without="lease")),
        ("I7", Config("pinned par3 TTT", "par3", "TTT", faults={}, without="pinned")),
        ("I1", Config("j_dedup chain3 JJJ", "chain3", "JJJ", faults={"crash": 1}, without="j_dedup")),
        ("I9", Config("j_reject chain3 JJJ", "chain3", "JJJ", faults={"reject": 1, "crash": 1}, without="j_reject")),
        ("I9", Config("j_tombstone chain3 JJJ", "chain3", "JJJ", faults={"cancel": 1}, without="j_tombstone")),
        (
            "I2",
            Config("j_undo_once chain3 JJJ", "chain3", "JJJ", faults={"cancel": 1, "crash": 1}, without="j_undo_once"),
        ),
        ("I9", Config("j_purge chain3 JJJ", "chain3", "JJJ", purge=True, faults={"cancel": 1}, without="j_purge")),
        ("I1", Config("x_key chain3 XXX", "chain3", "XXX", faults={"crash": 1}, without="x_key")),
        (
            "I2",
            Config("x_undo_key chain3 XXX", "chain3", "XXX", faults={"cancel": 1, "crash": 1}, without="x_undo_key"),
        ),
        ("I9", Config("x_indefinite chain3 XXX", "chain3", "XXX", faults={"reject": 1}, without="x_indefinite")),
        (
            "I9",
            Config("x_exclusive chain3 XXX", "chain3", "XXX", faults={"reject": 1, "replay": 1}, without="x_exclusive"),
        ),
        (
            "I9",
            Config(
                "x_unanswered chain3 XXX",
                "chain3",
                "XXX",
                again=True,
                faults={"reject": 1, "crash": 1},
                without="x_unanswered",
            ),
        ),
        (
            "I9",
            Config("x_in_lease chain3 XXX", "chain3", "XXX", faults={"reject": 1, "crash": 1}, without="x_in_lease"),
        ),
        ("I9", Config("newest chain3 XXX", "chain3", "XXX", faults={"reject": 1, "crash": 1}, without="newest")),
        (
            "I9",
            Config("probe_quiet chain3 XXX", "chain3", "XXX", probe=True, faults={"cancel": 1}, without="probe_quiet"),
        ),
        ("I9", Config("evidence chain3 XXX", "chain3", "XXX", faults={"cancel": 1, "exhaust": 1}, without="evidence")),
        (
            "I9",
            Config(
                "evidence chain3 XXX pivot A waive",
                "chain3",
                "XXX",
                pivot=0,
                waives=True,
                faults={"exhaust": 2, "reject": 1, "crash": 1},
                without="evidence",
            ),
        ),
        (
            "I9",
            Config(
                "forget par3 TXJ",
                "par3",
                "TXJ",
                pivot=1,
                faults={"cancel": 1, "reject": 1, "exhaust": 1, "crash": 1},
                without="forget",
            ),
        ),
        (
            "L1",
            Config(
                "tomb_reports par3 TXJ",
                "par3",
                "TXJ",
                pivot=1,
                faults={"cancel": 1, "exhaust": 1},
                without="tomb_reports",
            ),
        ),
        (
            "I9",
            Config(
                "never_claimed chain3 XXX", "chain3", "XXX", faults={"cancel": 1, "crash": 1}, without="never_claimed"
            ),
        ),
        (
            "I9",
            Config(
                "never_claimed chain3 XXX pivot B",
                "chain3",
                "XXX",
                pivot=1,
                faults={"cancel": 1, "crash": 1},
                without="never_claimed",
            ),
        ),
    )
)
