"""The invariants of maps: those of every saga, M1 (an item has one copy, which stays) and M2 (growth only while running)."""

from __future__ import annotations

from collections.abc import Iterable

from tests.protocol.ends import check_end
from tests.protocol.explorer import Violation
from tests.protocol.maps.shape import Shape
from tests.protocol.maps.world import STATIC, World


def check(shape: Shape, before: World, after: World) -> None:
    """Raises Violation, which names the invariant."""
    _check_growth(before, after)
    for step in (0, *range(shape.join, len(after.vector))):
        _check_step(after, step)
        undone_before = before.undone[step] if step < len(before.undone) else 0
        if after.undone[step] > undone_before:
            _check_undone(shape, after, step)
    if after.effects[shape.join] > before.effects[shape.join] and not _are_finished(shape, after):
        raise Violation("I3 J was executed before all copies had finished")
    _check_ends(shape, before, after)


def _check_growth(before: World, after: World) -> None:
    copies = [origin for origin in after.origins if origin != STATIC]
    if len(set(copies)) < len(copies):
        raise Violation(f"M1 an item has two copies: {copies}")
    if not {origin for origin in before.origins if origin != STATIC} <= set(copies):
        raise Violation("M1 copies that were there are gone")
    if len(after.vector) > len(before.vector) and before.phase != "R":
        raise Violation(f"M2 copies were appended in phase {before.phase}")


def _check_step(after: World, step: int) -> None:
    letter, effects, undone = after.vector[step], after.effects[step], after.undone[step]
    if effects > 1:
        raise Violation(f"I1 the effect of step {step} was made twice")
    if undone > effects:
        raise Violation(f"I2 step {step} was undone without effect or twice")
    is_wrong = (letter == "S" and (effects, undone) != (1, 0)) or (letter == "Z" and effects != undone)
    if is_wrong or (letter in "RVH" and effects):
        raise Violation(f"I9 step {step} is {letter} with effects {effects} undone {undone}")


def _check_undone(shape: Shape, after: World, step: int) -> None:
    if step == 0 and _stands(after, range(1, len(after.vector))):
        raise Violation("I4 A was undone while something behind it stands")
    if step > shape.join and _stands(after, [shape.join]):
        raise Violation("I4 a copy was undone while J stands")


def _stands(world: World, steps: Iterable[int]) -> bool:
    return any(world.effects[step] != world.undone[step] for step in steps)


def _are_finished(shape: Shape, world: World) -> bool:
    return all(
        sum(world.vector[copy] in "SH" for copy in shape.copies(world, number)) >= count
        for number, count in enumerate(shape.config.items)
    )


def _check_ends(shape: Shape, before: World, after: World) -> None:
    counts = [len(shape.copies(after, number)) for number in range(len(shape.config.items))]
    if (before.phase, after.phase) == ("R", "D") and counts != list(shape.config.items):
        raise Violation("I7 COMPLETED without all copies")
    check_end(before, after)
