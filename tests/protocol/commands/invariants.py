"""The invariants of every world, and of every change from one world to the next."""

from __future__ import annotations

from saga.core.state.letters import FINISHED_LETTERS
from tests.protocol.commands.model import Model
from tests.protocol.commands.world import COMPENSATED, COMPENSATING, COMPLETED, NAMES, RUNNING, TERMINAL, World
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
        if step not in model.config.harmless:
            _check_letter(after, step)
        if step in after.retracted and after.phase in (RUNNING, COMPLETED) and after.vector[step] in "SDdPHN":
            raise Violation(f"I12 {NAMES[step]} was retracted and is {after.vector[step]}")
    if before.phase in TERMINAL and not label.startswith("FAILOVER"):
        _check_end(model, before, after)
    if after.phase != before.phase:
        _check_outcome(model, after)
    _check_pivot(model, before, after, label)


def _check_pivot(model: Model, before: World, after: World, label: str) -> None:
    pivot = model.config.pivot
    if pivot < 0:
        return
    if after.phase in (COMPENSATING, COMPENSATED) and (after.effects[pivot] or after.vector[pivot] == "N"):
        raise Violation("I8 rollback although the pivot has passed")
    dropped = before.cancel and not after.cancel and after.phase in (RUNNING, COMPLETED)
    if dropped and after.vector[pivot] not in "SN" and not label.startswith("FAILOVER"):
        raise Violation("I8 a rollback that waited for the pivot was forgotten")


def _check_counts(model: Model, before: World, after: World, step: int) -> None:
    name, effects, undone = NAMES[step], after.effects[step], after.undone[step]
    if effects > 1 and step not in model.config.harmless:
        raise Violation(f"I1 the effect of {name} was made twice")
    if undone > effects:
        raise Violation(f"I2 {name} was compensated without effect or twice")
    if effects > before.effects[step] and not _is_ready(model, after, step):
        raise Violation(f"I3 {name} was executed before its predecessors")
    if undone > before.undone[step] and _stands_on(model, after, step):
        raise Violation(f"I4 {name} was compensated while the effect of a successor stands")


def _check_letter(after: World, step: int) -> None:
    name, letter, effects, undone = NAMES[step], after.vector[step], after.effects[step], after.undone[step]
    if letter in "RVNH" and effects:
        raise Violation(f"I9 {name} is recorded as without effect ({letter}), but it has one")
    if (letter == "S" and (effects, undone) != (1, 0)) or (letter == "Z" and effects != undone):
        raise Violation(f"I9 {name} is recorded as {letter}, but effects {effects}, compensations {undone}")


def _check_end(model: Model, before: World, after: World) -> None:
    if (after.phase, after.vector) != (before.phase, before.vector):
        raise Violation(f"I5 the outcome changed from {before.phase} {before.vector} to {after.phase} {after.vector}")
    if any(
        _effects(after, step) != _effects(before, step) for step in model.steps if step not in model.config.harmless
    ):
        raise Violation(f"I6 an effect or a compensation after {after.phase}")


def _effects(world: World, step: int) -> tuple[int, int]:
    return world.effects[step], world.undone[step]


def _check_outcome(model: Model, after: World) -> None:
    harmful = [step for step in model.steps if step not in model.config.harmless]
    complete = all(after.effects[i] - after.undone[i] == (after.vector[i] == "S") for i in harmful)
    if after.phase == COMPLETED and not (complete and FINISHED_LETTERS.issuperset(after.vector)):
        raise Violation(f"I7 COMPLETED as {after.vector} with effects {after.effects}, compensations {after.undone}")
    if after.phase == COMPENSATED and any(after.effects[i] != after.undone[i] for i in harmful):
        raise Violation(f"I7 COMPENSATED with effects {after.effects}, compensations {after.undone}")


def _is_done(model: Model, world: World, step: int) -> bool:
    """Done, as its successors see it: its effect was made, or it was retracted, or it is passed through, as a check is, too."""
    if world.effects[step] > 0 or (world.vector[step] in "VZ" and step in world.retracted):
        return True
    passed = "NHS" if model.config.modes[step] == "E" else "NH"
    return world.vector[step] in passed and (step in model.joins or _is_ready(model, world, step))


def _holds(model: Model, world: World, step: int) -> bool:
    return model.config.modes[step] == "E" and world.vector[step] == "S"


def _is_ready(model: Model, world: World, step: int) -> bool:
    befores = model.before[step]
    effects = sum(world.effects[before] > 0 or _holds(model, world, before) for before in befores)
    if step in model.joins:
        return effects >= model.joins[step]
    return all(_is_done(model, world, before) for before in befores)


def _stands_on(model: Model, world: World, step: int) -> bool:
    """The effect of a successor, or of one behind steps without an effect, stands. A join does not stand on what it did not count."""
    return any(
        (world.effects[after] != world.undone[after] and after not in model.config.harmless)
        or ((world.vector[after] in "NHVZ" or after in model.config.harmless) and _stands_on(model, world, after))
        for after in model.after[step]
        if (step, after) not in world.cut
    )
