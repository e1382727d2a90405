"""The actions of an operator on a quarantined step. The evidence given is true."""

from __future__ import annotations

from collections.abc import Iterator

from saga.core.rules import events as ev
from tests.protocol.changes import with_letter
from tests.protocol.commands.model import Model, Move
from tests.protocol.commands.world import COMPENSATING, NAMES, RUNNING, Sketch, World
from tests.protocol.explorer import OPERATOR


def operator(model: Model, world: World, step: int) -> Iterator[Move]:
    letter = world.vector[step]
    if letter not in "dwuk" or world.phase not in (RUNNING, COMPENSATING):
        return
    name = NAMES[step]
    yield _resolved(model, world, f"retries {name}", ev.Retried(step))
    if letter in "dwu":
        if world.effects[step] == 1 and not world.undone[step]:
            yield _resolved(model, world, f"{name} happened", ev.Happened(step))
        if world.effects[step] == 0:
            yield from _did_not_happen(model, world, step)
            yield from _waived(model, world, step)
    elif world.effects[step] == world.undone[step] and (model.config.modes[step] != "J" or world.memory[step] in "TFZ"):
        yield _resolved(model, world, f"{name} is undone", ev.CompensatedByHand(step))
    yield from _journal(model, world, step)


def _resolved(model: Model, world: World, what: str, event: ev.Event) -> Move:
    sketch = Sketch(world)
    model.begin(sketch, None)
    return f"operator: {what}: {model.decide(sketch, event)}", OPERATOR, sketch.world()


def _did_not_happen(model: Model, world: World, step: int) -> Iterator[Move]:
    sure = {
        "T": True,
        "J": world.memory[step] in "TF",
        "X": world.claims[step] != "E",
    }[model.config.modes[step]]
    if sure or not model.has("evidence"):
        yield _resolved(model, world, f"{NAMES[step]} did not happen", ev.DidNotHappen(step))


def _waived(model: Model, world: World, step: int) -> Iterator[Move]:
    """Behind the pivot, an operator skips a step whose effect does not exist and cannot appear, which a journal cannot confirm."""
    if not model.config.waives or world.vector[step] != "d" or model.config.modes[step] == "J":
        return
    if model.is_passed(world) and (world.claims[step] != "E" or not model.has("evidence")):
        yield _resolved(model, world, f"skips {NAMES[step]}", ev.Skipped(step))


def _journal(model: Model, world: World, step: int) -> Iterator[Move]:
    """The service of a step deletes a rejection or tombstone for a retry (G38), or writes a tombstone."""
    letter, memory = world.vector[step], world.memory[step]
    if model.config.modes[step] == "T" or world.phase != RUNNING:
        return
    sketch = Sketch(world)
    counts = step in model.config.handled and model.has("handled_forget")  # G44: a late report of it would still count
    if letter == "d" and memory in "FT" and not counts and (model.is_passed(world) or not model.has("forget")):
        sketch.memory = with_letter(world.memory, step, "-")
        kind = "rejection" if memory == "F" else "tombstone"
        yield f"operator lets {NAMES[step]} be tried again after its {kind}", OPERATOR, sketch.world()
    elif model.config.modes[step] == "J" and letter in "dw" and memory == "-" and not model.is_passed(world):
        sketch.memory = with_letter(world.memory, step, "T")
        yield f"operator has {NAMES[step]} voided by its service", OPERATOR, sketch.world()
