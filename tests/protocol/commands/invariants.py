"""The invariants of every world, and of every change from one world to the next."""

from __future__ import annotations

from tests.protocol.commands.model import Model
from tests.protocol.commands.world import COMPENSATED, COMPENSATING, COMPLETED, NAMES, TERMINAL, World
from tests.protocol.explorer import Violation


def check(model: Model, before: World, after: World, label: str) -> None:
    """Raises Violation, which names the invariant."""
    row, effects = (after.vector, after.phase), (after.effects, after.undone)
    if row == (before.vector, before.phase) and effects == (before.effects, before.undone):
        granted = after.claims != before.claims and len(after.workers) > len(before.workers)
        if granted and after.phase in TERMINAL:
            raise Violation("I6 a claim was granted after the end")
        return
    for step in model.steps:
        _check_counts(model, before, after, step)
        _check_letter(after, step)
    if before.phase in TERMINAL and not label.startswith("FAILOVER"):
        _check_end(before, after)
    if after.phase != before.phase:
        _check_outcome(model, after)
    pivot = model.config.pivot
    passed = pivot >= 0 and (after.effects[pivot] or after.vector[pivot] == "N")
    if passed and after.phase in (COMPENSATING, COMPENSATED):
        raise Violation("I8 rollback although the pivot has passed")


def _check_counts(model: Model, before: World, after: World, step: int) -> None:
    name, effects, undone = NAMES[step], after.effects[step], after.undone[step]
    if effects > 1:
        raise Violation(f"I1 the effect of {name} was made twice")
    if undone > effects:
        raise Violation(f"I2 {name} was compensated without effect or twice")
    if effects > before.effects[step] and not _is_ready(model, after, step):
        raise Violation(f"I3 {name} was executed before its predecessors")
    if undone > before.undone[step] and _stands_on(model, after, step):
        raise Violation(f"I4 {name} was compensated while the effect of a successor stands")


def _check_letter(after: World, step: int) -> None:
    name, letter, effects, undone = NAMES[step], after.vector[step], after.effects[step], after.undone[step]
    if letter in "RVN" and effects:
        raise Violation(f"I9 {name} is recorded as without effect, but it has one")
    if (letter == "S" and (effects, undone) != (1, 0)) or (letter == "Z" and effects != undone):
        raise Violation(f"I9 {name} is recorded as {letter}, but effects {effects}, compensations {undone}")


def _check_end(before: World, after: World) -> None:
    if after.phase != before.phase:
        raise Violation(f"I5 the outcome changed from {before.phase} to {after.phase}")
    if (after.effects, after.undone) != (before.effects, before.undone):
        raise Violation(f"I6 an effect or a compensation after {after.phase}")


def _check_outcome(model: Model, after: World) -> None:
    complete = all(after.effects[i] == (after.vector[i] != "N") for i in model.steps) and not any(after.undone)
    if after.phase == COMPLETED and not complete:
        raise Violation(f"I7 COMPLETED with effects {after.effects}, compensations {after.undone}")
    if after.phase == COMPENSATED and after.effects != after.undone:
        raise Violation(f"I7 COMPENSATED with effects {after.effects}, compensations {after.undone}")


def _is_done(model: Model, world: World, step: int) -> bool:
    """Done, as its successors see it: its effect exists, or it is skipped and its predecessors are done."""
    return world.effects[step] > 0 or (world.vector[step] == "N" and _is_ready(model, world, step))


def _is_ready(model: Model, world: World, step: int) -> bool:
    befores = model.before[step]
    done = sum(_is_done(model, world, before) for before in befores)
    return done == len(befores) or sum(world.effects[before] > 0 for before in befores) >= model.needed[step]


def _stands_on(model: Model, world: World, step: int) -> bool:
    """The effect of a successor, or of one behind skipped steps, stands."""
    return any(
        world.effects[after] != world.undone[after] or (world.vector[after] == "N" and _stands_on(model, world, after))
        for after in model.after[step]
    )
