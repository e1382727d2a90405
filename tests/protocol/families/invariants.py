"""The invariants of a family: those of every saga, and two more.

C1: HELD is left only by the parent's order or end. C2: under a COMPLETED parent each child is HELD or COMPLETED with all its
effects; under a COMPENSATED one it is COMPENSATED or was never there; under an ABANDONED one nothing runs any more.
"""

from __future__ import annotations

from typing import Final

from tests.protocol.explorer import Violation
from tests.protocol.families.family import Family
from tests.protocol.families.trees import PLAIN
from tests.protocol.families.world import ENDS, World

_ROLLS_BACK: Final = {("C", "K"), ("C", "k"), ("R", "K"), ("R", "k"), ("A", "G")}


def check(family: Family, before: World, after: World, label: str) -> None:
    """Raises Violation, which names the invariant."""
    by_hand = label.startswith("by hand")
    for saga in range(len(family.tree)):
        if not by_hand:
            _check_end(family, before, after, saga)
            _check_held(family, before, after, saga)
        for step, child in enumerate(family.tree[saga].steps):
            _check_step(family, before, after, (saga, step), by_hand=by_hand)
            if child != PLAIN:
                _check_child(family, before, after, saga, step)
        if after.rows[saga].phase != before.rows[saga].phase:
            _check_outcome(family, before, after, saga, by_hand=by_hand)


def _check_end(family: Family, before: World, after: World, saga: int) -> None:
    was, now = before.rows[saga].phase, after.rows[saga].phase
    if was in ENDS and now not in (was, "."):
        raise Violation(f"I5 saga {saga} was {was} and is {now}")
    if was in f"{ENDS}." and family.effects_under(before, saga) != family.effects_under(after, saga):
        raise Violation(f"I6 an effect or compensation under saga {saga} after its end ({was})")


def _check_held(family: Family, before: World, after: World, saga: int) -> None:
    phase = after.rows[saga].phase
    if before.rows[saga].phase != "H" or phase == "H":
        return
    above, step = family.parents[saga]
    there = (after.rows[above].phase, after.rows[above].vector[step])
    if phase == "D" and there[0] not in "DXA.":
        raise Violation(f"C1 saga {saga} was released while its parent is {there[0]}")
    if phase == "C" and there not in _ROLLS_BACK:
        raise Violation(f"C1 saga {saga} is rolled back while its parent's step is {there}")


def _check_step(family: Family, before: World, after: World, at: tuple[int, int], *, by_hand: bool) -> None:
    saga, step = at
    definition, effects, undone = family.tree[saga], after.effects[saga][step], after.undone[saga][step]
    if effects > 1:
        raise Violation(f"I1 saga {saga} step {step} was made twice")
    if undone > effects:
        raise Violation(f"I2 saga {saga} step {step} was undone twice")
    is_new = undone > before.undone[saga][step] and definition.steps[step] == PLAIN and not by_hand
    if is_new and any(family.stands(after, saga, other) for other in definition.after(step)):
        raise Violation(f"I4 saga {saga} step {step} was undone while the effect of a successor stands")


def _check_outcome(family: Family, before: World, after: World, saga: int, *, by_hand: bool) -> None:
    (phase, vector, _), pivot = after.rows[saga], family.tree[saga].pivot
    if phase in "CZ" and pivot >= 0 and vector[pivot] in "SN" and not by_hand:
        raise Violation(f"I8 saga {saga} is rolled back although its pivot has passed")
    if phase == "Z" and any(effects != undone for effects, undone in family.effects_under(after, saga)):
        raise Violation(f"I7 saga {saga} is COMPENSATED and an effect under it stands")
    is_finished = phase in "DH" and before.rows[saga].phase != "H" and not by_hand
    if is_finished and not family.is_whole(after, saga):
        raise Violation(f"I7 saga {saga} is {phase} and an effect under it is missing")


def _check_child(family: Family, before: World, after: World, saga: int, step: int) -> None:
    child, (phase, vector, _) = family.tree[saga].steps[step], after.rows[saga]
    letter, there = vector[step], after.rows[child].phase
    has_to_be_whole = "RCHDA" if before.rows[saga].phase == "X" else "RCHDAX"
    if letter == "S" and phase in has_to_be_whole and not family.is_whole(after, child):
        raise Violation(f"I9 saga {saga} step {step} is S, and child {child} ({there}) has not all its effects")
    if letter in "RVZH" and family.stands(after, saga, step):
        raise Violation(f"I9 saga {saga} step {step} is {letter}, and an effect of child {child} ({there}) stands")
    ends = {"D": "HD." if letter == "S" else "ZX-.", "Z": "ZX-.", "X": "HDZX-."}
    if phase in ENDS and there not in ends[phase]:
        raise Violation(f"C2 saga {saga} is {phase} while child {child} is {there}")
    runs = any(after.rows[under].phase == "R" for under in family.below(child))
    if phase == "X" and there != "X" and runs:
        raise Violation(f"C2 saga {saga} is {phase} while something under it runs")
