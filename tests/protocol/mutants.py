"""The production rules with one guard taken away, and where the explorer must find out."""

from __future__ import annotations

from typing import Final, NamedTuple

from saga.core.rules import events as ev
from saga.core.rules.fold import Fold
from saga.core.state.letters import OPEN_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from tests.protocol.model import GUARDS
from tests.protocol.verdicts import PRODUCTION, ConditionalFold, Mutant
from tests.protocol.world import Config


class RollsBackWhatIsNotRunning(ConditionalFold):
    def ask_roll_back(self, reason: str) -> None:
        phase, self.phase = self.phase, Phase.RUNNING
        super().ask_roll_back(reason)
        if self.phase is Phase.RUNNING:
            self.phase = phase


class LateSuccessAdvances(ConditionalFold):
    def succeeded(self, step: int) -> None:
        late = self.phase is Phase.COMPENSATING and self.letters[step] in "KV"
        super().succeeded(step)
        if late:
            self.letters[step] = "S"
            for follower in self.graph.successors[step]:
                super().dispatch(follower)


class CompletesWithItsLeaves(ConditionalFold):
    def completes(self) -> bool:
        leaves = [step for step, followers in enumerate(self.graph.successors) if not followers]
        if not all(self.letters[leaf] in "SN" for leaf in leaves):
            return False
        self.phase = Phase.COMPLETED
        return True


class _Settles(ConditionalFold):
    """E7 with its conditions one by one."""

    def settle(self) -> None:
        for step in self.graph.downward:
            if self.has_to_be_undone(step) and self.may_be_undone(step):
                self.undo(step)
        if all(self.is_clear(step) for step in range(len(self.letters))):
            self.phase = Phase.COMPENSATED

    def may_be_undone(self, step: int) -> bool:
        return all(self.is_clear(follower) for follower in self.graph.successors[step])

    def is_clear(self, step: int) -> bool:
        return self.letters[step] in "RVZ" or (self.letters[step] == "N" and self.may_be_undone(step))


class UndoesBeforeItsSuccessors(_Settles):
    def may_be_undone(self, step: int) -> bool:
        followers = self.graph.successors[step]
        succeeded = self.letters[step] == "S" and all(self.letters[follower] != "S" for follower in followers)
        return succeeded or super().may_be_undone(step)


class TakesSkippedForClear(_Settles):
    def is_clear(self, step: int) -> bool:
        return self.letters[step] in "RVZN"


class UndoesUnknownAtOnce(_Settles):
    def may_be_undone(self, step: int) -> bool:
        return self.letters[step] in "Dd" or super().may_be_undone(step)


class ForgetsDispatched(ConditionalFold):
    def doubt(self, step: int) -> None:
        self.letters[step] = "D" if self.graph.steps[step].mode is Mode.TRANSACTIONAL else "V"


class UndoesUnresolved(ConditionalFold):
    def doubt(self, step: int) -> None:
        super().doubt(step)
        if self.letters[step] == "U":
            self.letters[step] = "K"
            self.send(step, Operation.COMPENSATE)


class RollsBackBehindThePivot(ConditionalFold):
    def ask_roll_back(self, reason: str) -> None:
        if self.phase is Phase.RUNNING and not self.waits_for_pivot(reason):
            self.roll_back(reason)


class IgnoresSkippedPivot(ConditionalFold):
    def is_passed(self) -> bool:
        return self.graph.pivot >= 0 and self.letters[self.graph.pivot] == "S"


class RollsBackUnknownPivot(ConditionalFold):
    def waits_for_pivot(self, reason: str) -> bool:  # noqa: ARG002 (the rule's signature)
        return False


class HoldsBackForEver(ConditionalFold):
    def release(self) -> None:
        cancel = self.cancel
        super().release()
        self.cancel = cancel


class RollsBackForLateRejection(ConditionalFold):
    def rejected(self, step: int, reason: str) -> None:
        if self.phase is Phase.RUNNING and self.letters[step] in OPEN_LETTERS:
            self.letters[step] = "R"
            self.roll_back(reason)
        else:
            super().rejected(step, reason)


class KeepsRejectionBehindThePivot(ConditionalFold):
    def release(self) -> None:
        rejected = [step for step, letter in enumerate(self.letters) if letter == "R"]
        super().release()
        for step in rejected:
            self.letters[step] = "R"


class LeavesWithoutFreezing(ConditionalFold):
    def leave(self) -> None:
        self.letters = ["?" if letter == "G" else letter for letter in self.letters]
        self.phase = Phase.ABANDONED


def _mutant(fold: type[Fold]) -> Mutant:
    return Mutant(fold, {})


NOBODY_HELPS: Final = Mutant(
    ConditionalFold,
    dict.fromkeys((ev.Retried, ev.Happened, ev.DidNotHappen, ev.CompensatedByHand), lambda fold, event: None),  # noqa: ARG005
)


class Case(NamedTuple):
    """Without this guard, the explorer finds that this invariant does not hold."""

    guard: str
    mutant: Mutant
    invariant: str
    config: Config


INSIDE: Final = (
    Case(
        "G5", _mutant(RollsBackWhatIsNotRunning), "I5", Config("G5 chain3 TTT", "chain3", "TTT", faults={"cancel": 1})
    ),
    Case("G8", _mutant(LateSuccessAdvances), "I9", Config("G8 chain3 JJJ", "chain3", "JJJ", faults={"cancel": 1})),
    Case(
        "G10", _mutant(CompletesWithItsLeaves), "I7", Config("G10 vee3 TTT", "vee3", "TTT", any_joins=(2,), faults={})
    ),
    Case(
        "G11", _mutant(UndoesBeforeItsSuccessors), "I4", Config("G11 chain3 XXX", "chain3", "XXX", faults={"cancel": 1})
    ),
    Case(
        "G12",
        _mutant(TakesSkippedForClear),
        "I4",
        Config("G12 chain4 TTTT", "chain4", "TTTT", skip=(1,), faults={"cancel": 1}),
    ),
    Case(
        "G13",
        _mutant(UndoesUnknownAtOnce),
        "I4",
        Config("G13 vee3 JJJ", "vee3", "JJJ", any_joins=(2,), faults={"cancel": 1}),
    ),
    Case("G14", _mutant(ForgetsDispatched), "L1", Config("G14 chain3 TTT", "chain3", "TTT", faults={"cancel": 1})),
    Case("G14", _mutant(ForgetsDispatched), "I9", Config("G14 chain3 JJJ", "chain3", "JJJ", faults={"cancel": 1})),
    Case("G14", _mutant(ForgetsDispatched), "I9", Config("G14 chain3 XXX", "chain3", "XXX", faults={"cancel": 1})),
    Case("G22", _mutant(UndoesUnresolved), "I9", Config("G22 chain3 XXX", "chain3", "XXX", faults={"cancel": 1})),
    Case(
        "G29",
        _mutant(RollsBackBehindThePivot),
        "I8",
        Config("G29 chain3 TTT", "chain3", "TTT", pivot=0, faults={"cancel": 1}),
    ),
    Case(
        "G30",
        _mutant(IgnoresSkippedPivot),
        "I8",
        Config("G30 chain3 TTT", "chain3", "TTT", pivot=0, skip=(0,), faults={"cancel": 1}),
    ),
    Case(
        "G31",
        _mutant(RollsBackUnknownPivot),
        "I8",
        Config("G31 chain3 JJJ", "chain3", "JJJ", pivot=0, faults={"cancel": 1}),
    ),
    Case(
        "G32",
        _mutant(RollsBackUnknownPivot),
        "I8",
        Config("G32 chain3 XXX", "chain3", "XXX", pivot=0, faults={"cancel": 1}),
    ),
    Case(
        "G33", _mutant(HoldsBackForEver), "L1", Config("G33 chain3 XXX", "chain3", "XXX", pivot=0, faults={"cancel": 1})
    ),
    Case(
        "G33", _mutant(HoldsBackForEver), "L1", Config("G33 chain3 JJJ", "chain3", "JJJ", pivot=0, faults={"cancel": 1})
    ),
    Case(
        "G34",
        _mutant(RollsBackForLateRejection),
        "I8",
        Config("G34 chain3 TTT", "chain3", "TTT", pivot=0, faults={"reject": 1}),
    ),
    Case(
        "G35",
        _mutant(KeepsRejectionBehindThePivot),
        "L1",
        Config("G35 par3 TXT", "par3", "TXT", pivot=1, faults={"reject": 1}),
    ),
    Case("G36", NOBODY_HELPS, "L2", Config("G36 chain3 XXX", "chain3", "XXX", faults={"cancel": 1, "exhaust": 1})),
    Case("G36", NOBODY_HELPS, "L2", Config("G36 chain3 TTT", "chain3", "TTT", pivot=0, faults={"exhaust": 1})),
    Case("G40", _mutant(LeavesWithoutFreezing), "I6", Config("G40 chain3 JJJ", "chain3", "JJJ", faults={"abandon": 1})),
    Case("G40", _mutant(LeavesWithoutFreezing), "I6", Config("G40 chain3 XXX", "chain3", "XXX", faults={"abandon": 1})),
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
    )
)
