"""The environment of the saga row: the bus, time, crashes, failovers, and requests by people."""

from __future__ import annotations

from collections.abc import Iterator

from saga.core.rules import events as ev
from tests.protocol.changes import with_count, with_letter
from tests.protocol.commands.model import Model, Move
from tests.protocol.commands.world import (
    ABANDON,
    ABANDONING,
    CANCEL,
    CLAIMLESS,
    COMPENSATING,
    COPIES_MAX,
    CRASH,
    EXHAUST,
    FAILOVER,
    LATE,
    LOSS,
    MISFIT,
    NAMES,
    NEVER,
    OPERATIONS,
    PAUSE,
    REPLAY,
    RETRACT,
    RUNNING,
    TERMINAL,
    UNBEGUN,
    WORKERS_MAX,
    Sketch,
    Worker,
    World,
)
from tests.protocol.explorer import FAULT, FREE, OPERATOR


def bus(model: Model, world: World) -> Iterator[Move]:
    for command, copies in enumerate(world.bus):
        label = model.labels[command]
        if copies != "0":
            sketch = Sketch(world)
            sketch.bus = with_letter(world.bus, command, chr(ord(copies) - 1))
            if world.budget[LOSS]:
                lost = Sketch(sketch.world())
                lost.spend(LOSS)
                yield f"LOSE {label}", FAULT, lost.world()
            yield from _deliver(model, sketch, command)
        if world.budget[REPLAY] and world.sent >> command & 1 and copies < COPIES_MAX:
            sketch = Sketch(world)
            sketch.spend(REPLAY)
            sketch.bus = with_letter(world.bus, command, chr(ord(copies) + 1))
            yield f"REPLAY {label}", FAULT, sketch.world()


def _deliver(model: Model, sketch: Sketch, command: int) -> Iterator[Move]:
    """Admission, in one transaction: the claim is committed, then the command is acknowledged."""
    operation, step, label = OPERATIONS[command // model.size], command % model.size, model.labels[command]
    world, config, mode = sketch.world(), model.config, model.config.modes[command % model.size]
    row = model.row(world)
    if model.has("admit") and not _is_admissible(model, world, operation, step):
        yield f"{label}: not called for ({world.vector}, {world.phase}), acknowledged", FREE, world
        return
    busy = sum(worker.command == command for worker in world.workers) >= WORKERS_MAX
    is_open_pivot = world.cancel and step == config.pivot
    if config.probe and mode == "X" and operation == "E" and (world.vector[step] == "U" or is_open_pivot):
        if not busy:
            model.add(sketch, Worker(command, "p" if world.claims[step] == "E" else "q", newest=False, row=row))
            yield f"{label}: asks the probe", FREE, sketch.world()
        return
    excludes = model.has("x_exclusive") if mode == "X" else not config.loose
    if excludes and world.claims[step] == operation:
        yield f"{label}: a live claim has it, acknowledged", FREE, world
    elif not busy:
        if config.claims_lost and world.budget[FAILOVER]:
            model.remember(sketch)
        is_first = bool(world.budget[MISFIT]) and sketch.claims[step] in (NEVER, UNBEGUN)
        sketch.claims = with_letter(sketch.claims, step, operation)
        older = [
            worker._replace(newest=False) if worker.command % model.size == step else worker for worker in world.workers
        ]
        sketch.workers = tuple(sorted([*older, Worker(command, "c", newest=True, row=row, is_first=is_first)]))
        yield f"{label}: claimed, acknowledged", FREE, sketch.world()


def _is_admissible(model: Model, world: World, operation: str, step: int) -> bool:
    undoes = operation == "C" and world.phase in (RUNNING, COMPENSATING)
    late = undoes and world.vector[step] == "k" and not world.paused
    return operation == model.wanted(world, step) or late


def crash(model: Model, world: World, worker: Worker) -> Iterator[Move]:
    """A process dies with its claims; a call that it sent may still arrive."""
    if not world.budget[CRASH] or worker.stage == "y":
        return
    label = model.labels[worker.command]
    sketch = model.drop(world, worker)
    sketch.spend(CRASH)
    yield f"CRASH of {label} at {worker.stage}", FAULT, sketch.world()
    if worker.stage == "c" and model.config.modes[worker.command % model.size] == "X":
        model.add(sketch, worker._replace(stage="y"))
        yield f"CRASH of {label}, its call is on the way", FAULT, sketch.world()
        if model.config.again:
            model.add(sketch, worker._replace(is_first=False))
            yield f"{label}: no answer in time, will call again", FAULT, sketch.world()


def tick(model: Model, world: World, step: int) -> Iterator[Move]:
    """Time passes: leases end, any process redrives what the vector calls for, attempts are exhausted."""
    yield from _end_lease(model, world, step)
    wanted = model.wanted(world, step)
    if wanted != "-" and model.has("redrive") and world.claims[step] != wanted:
        command = model.command(wanted, step)
        asking = any(worker.command == command and worker.stage in "pqa" for worker in world.workers)
        if world.bus[command] == "0" and not asking:
            sketch = Sketch(world)
            others = frozenset(model.steps) - {step}
            model.decide(sketch, ev.Redriven(held=others))
            yield f"redrive {model.labels[command]}", FREE, sketch.world()
    is_frozen_call = world.phase == ABANDONING and world.vector[step] == "G" and model.config.modes[step] == "X"
    if is_frozen_call and world.claims[step] in CLAIMLESS:
        sketch = Sketch(world)
        model.begin(sketch, None)
        model.decide(sketch, ev.Quiet(step))
        yield f"{NAMES[step]}: no claim can call any more", FREE, sketch.world()
    if world.budget[EXHAUST] and wanted != "-" and world.phase in (RUNNING, COMPENSATING):
        sketch = Sketch(world)
        sketch.spend(EXHAUST)
        model.begin(sketch, None)
        failed = ev.Failed(step, "down", failures=3, first_failure_ago_seconds=1.0)
        yield f"EXHAUSTED attempts of {NAMES[step]}: {model.decide(sketch, failed)}", FAULT, sketch.world()


def _end_lease(model: Model, world: World, step: int) -> Iterator[Move]:
    operation = world.claims[step]
    if operation in CLAIMLESS or not model.has("lease"):
        return
    command = model.command(operation, step)
    alive = any(worker.command == command and worker.newest and worker.stage != "y" for worker in world.workers)
    if alive and not world.budget[CRASH]:
        return
    sketch = Sketch(world)
    if alive:
        sketch.spend(CRASH)
    sketch.claims = with_letter(world.claims, step, "-")
    if model.config.modes[step] == "X" and model.has("x_in_lease"):
        sketch.workers = tuple([w for w in world.workers if w.command != command or w.stage not in "cy"])
    label = f"{'PAUSE, ' if alive else ''}lease of {model.labels[command]} + timeout + margin over"
    yield label, FAULT if alive else FREE, sketch.world()


def requests(model: Model, world: World) -> Iterator[Move]:
    """Rollbacks, decided on a read that may be out of date when they are applied; a forced end."""
    pivot = model.config.pivot
    if world.budget[CANCEL] and world.phase == RUNNING and not (pivot >= 0 and world.vector[pivot] == "S"):
        sketch = Sketch(world)
        sketch.spend(CANCEL)
        sketch.undecided = tuple(sorted((*world.undecided, model.row(world)), key=repr))
        yield "CANCEL: an operator reads RUNNING, decides to roll back", FAULT, sketch.world()
    for at, row in enumerate(world.undecided):
        if row not in world.undecided[:at]:
            sketch = Sketch(world)
            sketch.undecided = world.undecided[:at] + world.undecided[at + 1 :]
            model.begin(sketch, row)
            yield f"rollback: {model.decide(sketch, ev.RollbackRequested('cancelled'))}", FREE, sketch.world()
    if world.budget[ABANDON] and world.phase in (RUNNING, COMPENSATING):
        sketch = Sketch(world)
        sketch.spend(ABANDON)
        model.begin(sketch, None)
        yield f"operator ABANDONS the saga: {model.decide(sketch, ev.Abandoned())}", FAULT, sketch.world()


def clock(model: Model, world: World) -> Iterator[Move]:
    """The deadline passes: every later decision sees it, and at some time a supervisor acts on it."""
    if world.budget[LATE] and not world.overdue and world.phase == RUNNING:
        sketch = Sketch(world)
        sketch.spend(LATE)
        sketch.overdue = True
        yield "the DEADLINE passes", FAULT, sketch.world()
    if world.overdue and world.phase == RUNNING:
        sketch = Sketch(world)
        model.begin(sketch, None)
        late = ev.RollbackRequested("deadline passed", deadline=True)
        yield f"supervisor: the deadline has passed: {model.decide(sketch, late)}", FREE, sketch.world()


def pause(model: Model, world: World) -> Iterator[Move]:
    if world.budget[PAUSE] and not world.paused and world.phase in (RUNNING, COMPENSATING):
        sketch = Sketch(world)
        sketch.spend(PAUSE)
        model.begin(sketch, None)
        model.decide(sketch, ev.Paused())
        yield "operator PAUSES the saga", FAULT, sketch.world()
    if world.paused:
        sketch = Sketch(world)
        model.begin(sketch, None)
        yield f"operator resumes the saga: {model.decide(sketch, ev.Resumed())}", OPERATOR, sketch.world()


def databases(model: Model, world: World) -> Iterator[Move]:
    """Journals are purged; a failover loses the last acknowledged commit."""
    finished = world.phase in TERMINAL and not (model.has("j_purge") and world.workers)
    if model.config.purge and not world.purged and finished:
        sketch = Sketch(world)
        sketch.purged = True
        kept = [memory if mode != "J" else "-" for memory, mode in zip(world.memory, model.config.modes, strict=True)]
        sketch.memory = "".join(kept)
        yield "purge journals", FREE, sketch.world()
    if world.budget[FAILOVER] and world.previous is not None:
        sketch = Sketch(world)
        sketch.spend(FAILOVER)
        back = world.previous
        sketch.phase, sketch.vector, sketch.cancel, sketch.paused, sketch.claims = back[:5]
        sketch.previous = None
        for step in model.steps:
            if model.config.modes[step] == "T":
                lost, unmade = back.effects[step] - world.effects[step], back.undone[step] - world.undone[step]
                sketch.effects = with_count(sketch.effects, step, lost)
                sketch.undone = with_count(sketch.undone, step, unmade)
        yield "FAILOVER loses the last acknowledged commit", FAULT, sketch.world()


def retractions(model: Model, world: World) -> Iterator[Move]:
    """E14: a step is undone while the saga goes on. The model asks for it at any time; production decides whether it may be."""
    for step in model.config.retractable if world.budget[RETRACT] else ():
        sketch = Sketch(world)
        sketch.spend(RETRACT)
        letter = world.vector[step]
        started = {(step, after) for after in model.after[step] if world.vector[after] != "P" and letter in "Dd"}
        sketch.cut = tuple(sorted({*world.cut, *started}))
        sketch.retracted = tuple(sorted({*world.retracted, step}))
        what = model.decide(sketch, ev.Retracted(step, "not wanted"))
        if (sketch.phase, sketch.vector) != (world.phase, world.vector):
            yield f"RETRACT {NAMES[step]} ({letter}): {what}", FAULT, sketch.world()
