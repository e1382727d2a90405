"""A saga's state while events are folded into it: the rules E3 to E13 of docs/concepts/protocol.md, one method each.

A fold lives for one call of `decide`. Its rules change letters and phase and send commands; those that the final state
still calls for are the commands of the decision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from saga.core.definition.graph import Graph
from saga.core.state.letters import FINISHED_LETTERS, OPEN_LETTERS
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase

if TYPE_CHECKING:
    from saga.core.state.saga_state import State

_TRANSACTIONAL, _JOURNALED, _EXTERNAL = Mode.TRANSACTIONAL, Mode.JOURNALED, Mode.EXTERNAL
_RUNNING, _COMPENSATING, _ABANDONING = Phase.RUNNING, Phase.COMPENSATING, Phase.ABANDONING
_CALLED_FOR_FORWARD: Final = {"D": Operation.EXECUTE, "W": Operation.VOID_OR_REPORT}
_CALLED_FOR_BACKWARD: Final = {"U": Operation.EXECUTE, "K": Operation.COMPENSATE}


def operation_of(phase: Phase, letter: str, mode: Mode) -> Operation | None:
    """The operation that a letter calls for in a phase (G1), None where it calls for none."""
    if phase is _RUNNING:
        return _CALLED_FOR_FORWARD.get(letter)
    if phase is _COMPENSATING:
        return _CALLED_FOR_BACKWARD.get(letter)
    if phase is _ABANDONING and letter == "G" and mode is _JOURNALED:
        return Operation.VOID_OR_REPORT
    return None


class Fold:
    """What a decision is being made of. `commands` and `entries` hold the fields of Command and Entry."""

    __slots__ = (
        "cancel",
        "commands",
        "deadline",
        "enforce",
        "entries",
        "graph",
        "letters",
        "now",
        "paused",
        "phase",
        "reason",
    )

    def __init__(self, graph: Graph, state: State, now: float, *, enforce_deadline: bool) -> None:
        self.graph = graph
        self.phase = state.phase
        self.letters = list(state.vector)
        self.cancel = state.rollback_requested
        self.paused = state.paused
        self.deadline = state.deadline
        self.reason = state.reason
        self.now = now
        self.enforce = enforce_deadline
        self.commands: dict[int, tuple[Operation, float]] = {}
        self.entries: list[tuple[str, int, str | None]] = []

    def note(self, kind: str, step: int, detail: str | None = None) -> None:
        self.entries.append((kind, step, detail))

    def note_saga(self, kind: str, detail: str | None = None) -> None:
        self.entries.append((kind, -1, detail))

    def send(self, step: int, operation: Operation, after_seconds: float = 0.0) -> None:
        self.commands[step] = (operation, after_seconds)

    def operation(self, step: int) -> Operation | None:
        """What the letter of this step calls for, paused or not."""
        return operation_of(self.phase, self.letters[step], self.graph.steps[step].mode)

    def is_passed(self) -> bool:
        """G29, G30: succeeded or skipped."""
        pivot = self.graph.pivot
        return pivot >= 0 and self.letters[pivot] in FINISHED_LETTERS

    # -- E5: forward ---------------------------------------------------------------------------------------------------

    def advance(self, candidates: Iterable[int]) -> None:
        """Dispatch those of the candidates whose turn has come, or complete the saga."""
        if self.phase is not _RUNNING or self.completes() or self.rolls_back_overdue() or self.cancel or self.paused:
            return
        for step in candidates:
            if self.letters[step] == "P" and self.is_ready(step):
                self.dispatch(step)

    def advance_all(self) -> None:
        self.advance(range(len(self.letters)))

    def completes(self) -> bool:
        """G10: when every step is finished, not only the leaves. What is complete can miss no deadline."""
        if self.letters.count("S") + self.letters.count("N") < len(self.letters):
            return False
        self.end(Phase.COMPLETED, "completed")
        return True

    def is_ready(self, step: int) -> bool:
        return FINISHED_LETTERS.issuperset(map(self.letters.__getitem__, self.graph.steps[step].after))

    def dispatch(self, step: int) -> None:
        self.letters[step] = "D"
        self.send(step, Operation.EXECUTE)

    def rolls_back_overdue(self) -> bool:
        """A decider that sees a deadline behind it rolls back instead of dispatching."""
        if self.deadline is None or self.now < self.deadline or not self.enforce or self.cancel or self.is_passed():
            return False
        self.ask_roll_back("deadline passed")
        return self.phase is not _RUNNING

    # -- E6: roll back -------------------------------------------------------------------------------------------------

    def ask_roll_back(self, reason: str) -> None:
        if self.phase is not _RUNNING:  # G5
            return
        pivot = self.graph.pivot
        if self.is_passed():  # G29
            self.note("rollback refused", pivot, f"{reason}: the pivot has passed")
            return
        if not self.waits_for_pivot(reason):
            self.roll_back(reason)

    def waits_for_pivot(self, reason: str) -> bool:
        """G31, G32: while its outcome is unknown, rollback is only asked for; what becomes known decides."""
        pivot = self.graph.pivot
        if pivot < 0 or self.letters[pivot] not in OPEN_LETTERS:
            return False
        mode = self.graph.steps[pivot].mode
        if mode is _TRANSACTIONAL:
            return False
        if not self.cancel:
            self.note("rollback waits", pivot, f"{reason}: the outcome of the pivot is not known yet")
        self.cancel, self.reason = True, self.reason or reason
        if mode is _JOURNALED and self.letters[pivot] in "Dd":
            self.letters[pivot] = "W"
            self.send(pivot, Operation.VOID_OR_REPORT)
        return True

    def roll_back(self, reason: str) -> None:
        self.phase, self.cancel, self.reason = _COMPENSATING, False, self.reason or reason
        self.deadline = self.now + self.graph.compensation_budget_seconds
        self.note_saga("rolling back", self.reason)
        for step, letter in enumerate(self.letters):
            if letter == "P":
                self.letters[step] = "V"
            elif letter in OPEN_LETTERS:
                self.doubt(step)
        self.settle()

    def doubt(self, step: int) -> None:
        """G14: its outcome is unknown. T will find the saga rolled back; X is driven to an answer (G22); J waits."""
        mode = self.graph.steps[step].mode
        if mode is _TRANSACTIONAL or self.graph.steps[step].read_only:
            self.letters[step] = "V"
        elif mode is _EXTERNAL:
            self.letters[step] = "U"
            self.send(step, Operation.EXECUTE)
        else:
            self.letters[step] = "D"  # nobody has to look after it any more: its compensation will find out

    # -- E7, E8: backward ----------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """From the leaves up: a step is compensated only when all its successors are clear (G11, G13)."""
        letters = self.letters
        clear: set[int] = set()
        for step in self.graph.downward:
            successors_clear = clear.issuperset(self.graph.successors[step])
            if successors_clear and not self.paused and self.has_to_be_undone(step):
                self.undo(step)
            if letters[step] in "RVZ" or (letters[step] == "N" and successors_clear):  # G12
                clear.add(step)
        if len(clear) == len(letters):
            self.end(Phase.COMPENSATED, "compensated all")

    def has_to_be_undone(self, step: int) -> bool:
        """It has an effect, or it is a journaled step that may have one (G13)."""
        letter = self.letters[step]
        return letter == "S" or (letter in "Dd" and self.graph.steps[step].mode is _JOURNALED)

    def undo(self, step: int) -> None:
        if self.letters[step] == "S" and not self.graph.steps[step].compensation:
            self.letters[step] = "Z"
            self.note("nothing to compensate", step)
        else:
            self.letters[step] = "K"
            self.send(step, Operation.COMPENSATE)

    def compensated(self, step: int) -> None:
        letter = self.letters[step]
        if self.phase is _COMPENSATING and letter in "Kk":
            self.letters[step] = "Z"
            self.note("compensated", step)
            self.settle()
        elif letter != "Z":
            self.note("late compensation recorded", step)

    # -- E3, E4, E9: outcomes. One that is already recorded says nothing new -------------------------------------------

    def succeeded(self, step: int) -> None:
        letter = self.letters[step]
        if self.phase is _RUNNING and letter in OPEN_LETTERS:
            self.letters[step] = "S"
            self.note("succeeded", step)
            if step == self.graph.pivot:
                self.release()
                self.advance_all()
            else:
                self.advance(self.graph.successors[step])
        elif self.phase is _COMPENSATING and self.is_unresolved(step):  # G8
            self.letters[step] = "S"
            self.note("resolved: it happened", step)
            self.settle()
        elif letter != "S":
            self.note("late success recorded", step)

    def is_unresolved(self, step: int) -> bool:
        """While COMPENSATING: X waits for a definite answer (U), J's D means 'unknown, waits for its successors'."""
        letter = self.letters[step]
        return letter in "Uu" or (letter in "Dd" and self.graph.steps[step].mode is _JOURNALED)

    def release(self) -> None:
        """The pivot has succeeded: too late to roll back (G33), also for a rejection that was kept (G35)."""
        if self.cancel:
            self.note("rollback refused", self.graph.pivot, f"{self.reason}: the pivot has passed")
        self.cancel, self.reason = False, None
        for step, letter in enumerate(self.letters):
            if letter == "R":
                self.quarantine(step, "d", "it was rejected, but the pivot has passed")

    def rejected(self, step: int, reason: str) -> None:
        letter = self.letters[step]
        if self.phase is _RUNNING and letter in OPEN_LETTERS:
            if self.is_passed():  # G34
                self.quarantine(step, "d", f"{reason}: it may not reject, the pivot has passed")
                return
            self.letters[step] = "R"
            self.note("rejected", step, reason)
            self.ask_roll_back(f"{self.graph.steps[step].name}: {reason}")
        elif self.phase is _COMPENSATING and self.is_unresolved(step):
            self.letters[step] = "V" if letter in "Uu" else "R"
            self.note("resolved: it did not happen", step, reason)
            self.settle()
        elif letter not in "RV":
            self.note("late rejection recorded", step, reason)

    def voided(self, step: int) -> None:
        """E9: the pivot will never execute."""
        letter = self.letters[step]
        if self.phase is _RUNNING and letter in OPEN_LETTERS:
            self.letters[step] = "V"
            self.note("voided", step)
            self.roll_back(f"{self.graph.steps[step].name}: voided")
        elif letter != "V":
            self.note("late void recorded", step)

    # -- E10: attempts are exhausted -----------------------------------------------------------------------------------

    def exhausted(self, step: int, detail: str) -> None:
        """G36: roll back where that is still possible; else the step is set aside for a person."""
        letter = self.letters[step]
        if self.phase is _RUNNING and letter == "D":
            self.ask_roll_back(f"{self.graph.steps[step].name}: {detail}")
            if self.phase is _RUNNING and self.letters[step] == "D":
                self.quarantine(step, "d", detail)
        elif letter in "WUK":
            self.quarantine(step, letter.lower(), detail)

    def quarantine(self, step: int, letter: str, detail: str) -> None:
        self.letters[step] = letter
        self.note("quarantined", step, detail)

    # -- E13: abandoning -----------------------------------------------------------------------------------------------

    def abandon(self) -> None:
        """G40: freeze first, be final afterwards. A pause would keep the journals from being asked: it ends here."""
        if self.phase.is_terminal or self.phase is _ABANDONING:
            return
        self.phase, self.cancel, self.paused, self.deadline = _ABANDONING, False, False, None
        self.note_saga("abandoning")
        for step, letter in enumerate(self.letters):
            if letter == "P":
                self.letters[step] = "V"
            elif letter in "DdWwUuKk":
                self.freeze(step)
        self.leave()

    def freeze(self, step: int) -> None:
        mode = self.graph.steps[step].mode
        if mode is _TRANSACTIONAL:
            self.letters[step] = "S" if self.letters[step] in "Kk" else "V"
            return
        self.letters[step] = "G"
        if mode is _JOURNALED:
            self.send(step, Operation.VOID_OR_REPORT)

    def thaw(self, step: int, letter: str, kind: str) -> None:
        """What was frozen has become known, or can never be."""
        self.letters[step] = letter
        self.note(kind, step)
        self.leave()

    def leave(self) -> None:
        if "G" not in self.letters:
            self.end(Phase.ABANDONED, "abandoned")

    def end(self, phase: Phase, kind: str) -> None:
        """E12: nothing changes any more, so there is nothing left to pause."""
        self.phase, self.paused = phase, False
        self.note_saga(kind)
