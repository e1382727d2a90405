"""The invariants of functions: those of every saga, and four more.

F1: steps are appended only while running, each is asked for once. F2: each result is told once, and what was told stays
recorded. F3: what is recorded is what a replay of it asks for. F4: no rejection is lost.
"""

from __future__ import annotations

from tests.protocol.ends import check_end
from tests.protocol.explorer import Violation
from tests.protocol.functions.row import Row, names_of, pivot_of, told_names
from tests.protocol.functions.turns import swallowed
from tests.protocol.functions.world import World


def check(row: Row, before: World, after: World) -> None:
    """Raises Violation, which names the invariant."""
    for step in range(len(after.vector)):
        _check_step(after, step)
        undone_before = before.undone[step] if step < len(before.undone) else 0
        if after.undone[step] > undone_before:
            _check_undone(row, before, after, step)
    _check_log(before, after)
    _check_ends(row, before, after)
    pivot = pivot_of(after)
    if pivot >= 0 and after.phase in "CZ" and after.effects[pivot]:
        raise Violation("I8 rollback although the pivot has passed")


def _check_step(after: World, step: int) -> None:
    name, letter, effects, undone = after.asked[step].name, after.vector[step], after.effects[step], after.undone[step]
    if effects > 1:
        raise Violation(f"I1 the effect of {name} was made twice")
    if undone > effects:
        raise Violation(f"I2 {name} was undone without effect or twice")
    is_wrong = (letter == "S" and (effects, undone) != (1, 0)) or (letter == "Z" and effects != undone)
    if is_wrong or (letter in "RVH" and effects):
        raise Violation(f"I9 {name} is {letter} with effects {effects} undone {undone}")


def _check_undone(row: Row, before: World, after: World, step: int) -> None:
    standing = [later for later in _truly_after(row, after, step) if after.effects[later] != after.undone[later]]
    if before.phase in "RC" and standing:
        name, later = after.asked[step].name, after.asked[standing[0]].name
        how = "retracted" if before.phase == "R" else "undone"
        raise Violation(f"I4 {name} was {how} while {later}, asked for when it was known, stands")


def _truly_after(row: Row, world: World, step: int) -> list[int]:
    """The steps that the program asks for only when it was told this one: by the order of telling, not by numbers of turns."""
    told, name = told_names(world), world.asked[step].name
    names = [other for other, _ in told]
    if name not in names:
        return []
    before = row.answer(told[: names.index(name)], 0).asked
    return [later for later, asked in enumerate(world.asked) if asked.name not in before]


def _check_log(before: World, after: World) -> None:
    names, said = names_of(after), [told.step for told in after.told]
    if len(after.vector) > len(before.vector) and before.phase != "R":
        raise Violation(f"F1 steps were appended in phase {before.phase}")
    if len(set(names)) < len(names):
        raise Violation(f"F1 a step was asked for twice: {''.join(names)}")
    if len(set(said)) < len(said):
        raise Violation("F2 a result was told twice")
    if after.turn == "!":
        told = "".join(names[step] for step in said)
        raise Violation(f"F3 recorded {''.join(names)}, which is not what a replay of {told} asks for")
    if not set(before.told) <= set(after.told):
        raise Violation("F2 a result that was told is not recorded any more")


def _check_ends(row: Row, before: World, after: World) -> None:
    if (before.phase, after.phase) == ("R", "D"):
        _check_completed(row, after)
    check_end(before, after)


def _check_completed(row: Row, after: World) -> None:
    standing = [effects - undone for effects, undone in zip(after.effects, after.undone, strict=True)]
    if standing != [int(letter == "S") for letter in after.vector]:
        raise Violation(f"I7 COMPLETED as {after.vector} with effects {after.effects} undone {after.undone}")
    said = {told.step for told in after.told}
    unheard = any(letter == "H" and step not in said for step, letter in enumerate(after.vector))
    if after.turn == "S" and (unheard or swallowed(row, after)):
        raise Violation("F4 COMPLETED although a rejection was never told to the function or caught by it")
