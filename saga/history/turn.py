"""The turn of a pending step (E5): its join, its condition and, of a check, what it checks."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from saga.history.plan import GraphView
from saga.history.recorded import Recorded
from saga.history.rule import Rule

_FINISHED: Final = frozenset("SNHVZ")


class Turn(Enum):
    """People read the value."""

    NOT_YET = "pending, since it waits for its predecessors"
    CALL = "dispatched"
    SKIP = "skipped, since its condition is false"
    UNNEEDED = "skipped, since another step has finished"
    PASS = "succeeded, since it holds"  # noqa: S105 (no password)
    SHORT = "rejected, since too few of its predecessors have succeeded"
    FALSE = "rejected, since it does not hold"
    FAULT = "rejected, since its condition cannot be evaluated"
    UNKNOWN = "one of these: nobody knows any more what was recorded"


REJECTS: Final = frozenset({Turn.SHORT, Turn.FALSE, Turn.FAULT})
CALLED: Final = frozenset({Turn.CALL, Turn.UNKNOWN})
_RULES: Final = {
    Turn.SKIP: Rule.CONDITION,
    Turn.UNNEEDED: Rule.UNNEEDED,
    Turn.PASS: Rule.CHECK,
    Turn.SHORT: Rule.JOIN,
    Turn.FALSE: Rule.CHECK,
    Turn.FAULT: Rule.CONDITION,
}


def rule_of(plan: GraphView, step: int, turn: Turn) -> Rule:
    """Returns the rule that is broken where something else becomes of the step."""
    return _RULES.get(turn, Rule.JOIN if plan.steps[step].successes else Rule.DISPATCH)


def turn_of(plan: GraphView, letters: Sequence[str], recorded: Recorded, step: int) -> Turn:
    """Returns what has to happen to a pending step now."""
    planned = plan.steps[step]
    after = [letters[before] for before in planned.after]
    succeeded, open_ones = after.count("S"), sum(letter not in _FINISHED for letter in after)
    if open_ones if not planned.successes else succeeded < planned.successes <= succeeded + open_ones:
        return Turn.NOT_YET
    if planned.until is not None and letters[planned.until] in _FINISHED:
        return Turn.UNNEEDED
    if planned.condition is not None:
        holds = recorded.holds(planned.condition, letters)
        if holds is not True:
            return Turn.SKIP if holds is False else Turn.UNKNOWN if holds is None else Turn.FAULT
    if succeeded < planned.successes:
        return Turn.SHORT
    return Turn.CALL if planned.holds is None else _of_check(recorded.holds(planned.holds, letters))


def _of_check(found: bool | str | None) -> Turn:  # noqa: FBT001 (the answer of `Recorded.holds`)
    if found is None:
        return Turn.UNKNOWN
    return Turn.FAULT if isinstance(found, str) else Turn.PASS if found else Turn.FALSE


def is_rejected_at_once(plan: GraphView, recorded: Recorded) -> bool:
    """Returns whether a step is rejected before any step is called. The row may be written as it begins, without a command."""
    letters = ["P"] * len(plan.steps)
    after = {Turn.CALL: "D", Turn.SKIP: "N", Turn.UNNEEDED: "N", Turn.PASS: "S"}
    before: list[str] | None = None
    while letters != before:
        before = list(letters)
        for step in (step for step, letter in enumerate(before) if letter == "P"):
            turn = turn_of(plan, letters, recorded, step)
            if turn is Turn.UNKNOWN or turn in REJECTS:
                return True
            letters[step] = after.get(turn, "P")
    return False
