"""The state of a saga while its history is replayed, and the rules of the protocol, written down a second time.

Unlike the core, it does not decide. It reads what was decided and checks that every line was allowed, and that lines explain every letter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from saga.history.plan import GraphView
from saga.history.recorded import Recorded
from saga.history.rule import Rule
from saga.history.turn import CALLED, Turn, turn_of
from saga.ports.saga_history import Transition

RUNNING, COMPENSATING, ABANDONING, COMPLETED, COMPENSATED, ABANDONED = "R", "C", "A", "D", "Z", "X"
TERMINAL: Final = frozenset({COMPLETED, COMPENSATED, ABANDONED})
FINISHED: Final = frozenset("SNHVZ")  # while running; V and Z only of retracted steps
PASSED: Final = frozenset("SN")  # of the pivot, which is never handled
CLEAR: Final = frozenset("RVZNH")  # without effect, for sure and for ever
OPEN: Final = frozenset("DdWw")
BLOCKING: Final = {"J": OPEN, "X": OPEN}  # by mode: the letters of a pivot of unknown outcome

Complain = Callable[[Rule, str, str], None]


class ReplayState:
    """Letters, phase and two flags; within a transaction also what it still owes.

    `due`: pending steps that are ready to be called; they are dispatched, unless the saga is held back in the same transaction (`held`).
    `undecided`: pending steps that are ready, and whose own line must say what happens to them instead. `owed`: steps at Z with nothing
    to compensate, whose line is still missing. `declared`: steps that an operator has resolved, whose outcome is still missing.
    `unclaimed`: steps that were made void because no process had ever claimed them. `retracted`: steps that were undone, or kept from
    taking effect, while the saga went on. `before`, `target`: the vectors before and after the
    transaction, the latter as it is recorded; None: it is not, and what is due is dispatched. `turned`: the rule that changed many
    letters at once, if one was applied. `note`, `previous`: the line that is replayed, and the one before it in this transaction.
    """

    __slots__ = (
        "before", "cancel", "complain", "declared", "due", "held", "letters", "note", "owed", "paused", "phase", "plan", "previous",
        "reasons", "recorded", "retracted", "successes", "target", "turned", "unclaimed", "undecided", "uses",
    )  # fmt: skip

    def __init__(self, plan: GraphView, recorded: Recorded, uses: Counter[Rule], complain: Complain) -> None:
        self.plan: GraphView = plan
        self.recorded: Recorded = recorded
        self.uses: Counter[Rule] = uses
        self.complain: Complain = complain
        self.phase: str = RUNNING
        self.letters: list[str] = ["P"] * len(plan.steps)
        self.cancel: bool = False
        self.paused: bool = False
        self.turned: Rule | None = None
        self.due: set[int] = set()
        self.undecided: set[int] = set()
        self.held: set[int] = set()
        self.owed: set[int] = set()
        self.declared: dict[int, str] = {}
        self.successes: set[int] = set()  # reported, so that a result is stored
        self.reasons: dict[int, str | None] = {}  # of handled rejections, which are stored as their results
        self.unclaimed: set[int] = set()
        self.retracted: set[int] = set()
        self.note: Transition | None = None
        self.previous: Transition | None = None
        self.before: str = ""
        self.target: str | None = None

    def open(self, target: str | None) -> None:
        """Begins a transaction, after which the vector is `target`."""
        self.before, self.target = "".join(self.letters), target
        self.turned = self.note = self.previous = None
        self.due.clear()
        self.undecided.clear()
        self.held.clear()
        self.owed.clear()
        self.declared.clear()

    def name(self, step: int) -> str:
        return self.plan.steps[step].name

    def is_passed(self) -> bool:
        """The pivot has succeeded or was skipped: no rollback any more."""
        return self.plan.pivot >= 0 and self.letters[self.plan.pivot] in PASSED

    def is_pivot_unknown(self) -> bool:
        pivot = self.plan.pivot
        return pivot >= 0 and self.letters[pivot] in BLOCKING.get(self.plan.steps[pivot].mode, ())

    def clear(self) -> set[int]:
        """Returns the steps that need no more undoing, nor does anything behind them."""
        found: set[int] = set()
        for step in self.plan.downward:
            if self.letters[step] in CLEAR and found.issuperset(self.plan.steps[step].successors):
                found.add(step)
        return found

    def expect(self, rule: Rule, kind: str, allowed: str, *, step: int, phases: str) -> bool:
        """Complains unless the saga is in one of these phases and the step at one of these letters."""
        self.uses[rule] += 1
        letter = self.letters[step]
        if self.phase in phases and letter in allowed:
            return True
        was = f"{kind!r} of {self.name(step)}, which is {letter} in phase {self.phase}"
        self.complain(rule, was, f"{' or '.join(allowed)} in phase {' or '.join(phases)}")
        return False

    # -- forward -------------------------------------------------------------------------------------------------------

    def forward(self) -> None:
        """E5: a step is due when its predecessors let it begin and its condition holds, unless the saga is held back."""
        if self.phase != RUNNING or self.cancel or self.paused or "P" not in self.letters:
            return
        for step, letter in enumerate(self.letters):
            turn = turn_of(self.plan, self.letters, self.recorded, step) if letter == "P" else Turn.NOT_YET
            if turn in CALLED:
                self.due.add(step)
            elif turn is not Turn.NOT_YET:
                self.undecided.add(step)

    def hold(self) -> None:
        """Nothing is dispatched from here on. Steps that were due earlier in this transaction may have been dispatched."""
        self.held |= self.due
        self.due.clear()
        self.undecided.clear()

    def dispatch(self) -> None:
        """Steps that were due get the recorded letter: dispatched."""
        self.forward()
        for step in self.due | self.held:
            if self.becomes(step) == "D" and self.letters[step] == "P":
                self.uses[Rule.DISPATCH] += 1
                self.letters[step] = "D"

    def becomes(self, step: int) -> str:
        """The recorded letter of a step that was due: dispatched, where none was recorded."""
        return "D" if self.target is None else self.target[step]

    # -- backward ------------------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """E6: pending steps are void; steps of unknown outcome are settled by mode."""
        self.phase, self.cancel, self.turned = COMPENSATING, False, Rule.DOUBT
        for step, letter in enumerate(self.letters):
            if letter in OPEN or (letter == "P" and self._was_dispatched(step)):
                self.letters[step] = self._doubted(step)
            elif letter == "P":
                self.letters[step] = "V"
        self.due.clear()
        self.undecided.clear()
        self.held.clear()
        self.settle()

    def _was_dispatched(self, step: int) -> bool:
        """It was due, and the same transaction rolled back: the record shows whether it had been dispatched first."""
        return step in self.due | self.held and step != self.plan.pivot and self.becomes(step) != "V"

    def _doubted(self, step: int) -> str:
        planned = self.plan.steps[step]
        if planned.mode == "T" or planned.is_read_only:
            return "V"
        return "U" if planned.mode == "X" else "D"

    def settle(self) -> None:
        """E7: from the last steps to the first, a step with an effect is compensated when all its successors are clear."""
        if self.phase != COMPENSATING or self.paused:
            return
        clear: set[int] = set()
        for step in self.plan.downward:
            planned = self.plan.steps[step]
            is_free = clear.issuperset(planned.successors)
            if is_free and self.letters[step] == "S" and not planned.has_compensation:
                self.letters[step] = "Z"
                self.owed.add(step)
            elif is_free and (self.letters[step] == "S" or (self.letters[step] == "D" and planned.mode == "J")):
                self.uses[Rule.SETTLE] += 1
                self.letters[step] = "K"
            if is_free and self.letters[step] in CLEAR:
                clear.add(step)

    # -- by force ------------------------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """E13: freezes the steps that may still take effect."""
        self.phase, self.cancel, self.paused, self.turned = ABANDONING, False, False, Rule.FREEZE
        for step, letter in enumerate(self.letters):
            mode = self.plan.steps[step].mode
            was_dispatched = letter == "P" and step in self.due | self.held and self.becomes(step) == "G"
            if letter == "P" and not was_dispatched:
                self.letters[step] = "V"
            elif letter in "PDdWwUuKk":
                self.letters[step] = "G" if mode not in "TE" else ("S" if letter in "Kk" else "V")
        self.due.clear()
        self.undecided.clear()
        self.held.clear()
