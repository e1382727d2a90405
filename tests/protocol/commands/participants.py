"""Participants, services and providers: how they run an admitted command, and what they report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from saga.core.rules import events as ev
from tests.protocol.changes import with_count, with_letter
from tests.protocol.commands.model import Model, Move
from tests.protocol.commands.world import (
    ABANDONED,
    ABANDONING,
    COMPENSATING,
    COMPLETED,
    FAIL,
    MISFIT,
    OPERATIONS,
    REJECT,
    RUNNING,
    UNBEGUN,
    Sketch,
    Worker,
    World,
)
from tests.protocol.explorer import FAULT, FREE

_FINDINGS: Final = {"k": ev.JournalReport.EXECUTED, "v": ev.JournalReport.VOIDED, "d": ev.JournalReport.COMPENSATED}


def work(model: Model, world: World, worker: Worker) -> Iterator[Move]:
    mode = model.config.modes[worker.command % model.size]
    if world.budget[FAIL] and worker.stage == "c" and mode != "X":
        sketch = model.finish(world, worker)
        sketch.spend(FAIL)
        model.begin(sketch, worker.row)
        failed = ev.Failed(worker.command % model.size, "down", failures=1, first_failure_ago_seconds=0.0)
        label = model.labels[worker.command]
        yield f"{label}: FAILS, {model.decide(sketch, failed)}", FAULT, sketch.world()
    if world.budget[MISFIT] and worker.stage == "c" and mode == "X":
        yield from _does_not_fit(model, world, worker)
    if mode == "T":
        yield from _run_transactional(model, world, worker)
    elif mode == "J" and worker.stage == "c":
        yield from _run_journaled(model, world, worker)
    elif worker.stage in "cy":
        yield from _call(model, world, worker)
    elif worker.stage in "pq":
        yield _probe(model, world, worker)
    else:
        yield _report(model, world, worker)


def _run_transactional(model: Model, world: World, worker: Worker) -> Iterator[Move]:
    """Handler, step row, and last the saga row, which is checked again: all in one transaction."""
    operation, step, label = _about(model, worker)
    letter = world.vector[step]
    if operation == "E":
        fits, guard = world.phase == RUNNING and letter == "D", "recheck_exec"
    else:
        fits, guard = world.phase in (RUNNING, COMPENSATING) and letter in "Kk", "recheck_comp"
        fits = fits or (not model.has("retract_recheck") and world.phase not in (ABANDONING, ABANDONED))
    if not fits and model.has(guard):
        sketch = model.finish(world, worker)
        yield f"{label}: sees {letter}, {world.phase} and rolls its work back", FREE, sketch.world()
        return
    sketch = model.finish(world, worker)
    model.begin(sketch, worker.row)
    if operation == "C":
        sketch.undone = with_count(sketch.undone, step, 1)
        yield f"{label}: COMMIT compensation, {model.decide(sketch, ev.Compensated(step))}", FREE, sketch.world()
        return
    sketch.effects = with_count(sketch.effects, step, 1)
    yield f"{label}: COMMIT effect, {_succeed(model, sketch, step)}", FREE, sketch.world()
    if world.budget[REJECT] and fits:
        sketch = model.finish(world, worker)
        sketch.spend(REJECT)
        model.begin(sketch, worker.row)
        yield f"{label}: REJECTS, {model.decide(sketch, ev.Rejected(step, 'no'))}", FAULT, sketch.world()


def _run_journaled(model: Model, world: World, worker: Worker) -> Iterator[Move]:
    """One transaction in the service's own database."""
    operation, step, label = _about(model, worker)
    memory = world.memory[step]
    if operation == "E" and (memory == "-" or (memory == "X" and not model.has("j_dedup"))):
        yield f"{label}: local COMMIT effect + journal", FREE, _executed_early(model, world, worker)
        if world.budget[REJECT] and memory == "-":
            sketch = _goes_on(model, world, worker, "f", memory="F" if model.has("j_reject") else "-")
            sketch.spend(REJECT)
            yield f"{label}: local COMMIT, REJECTS", FAULT, sketch.world()
    elif operation == "E":
        is_rejected = memory == "F" or (memory == "T" and model.has("tomb_reports"))
        stage = "k" if memory in "XA" else "f" if is_rejected else ""
        yield f"{label}: finds {memory} in the journal", FREE, _goes_on(model, world, worker, stage).world()
    elif operation == "C":
        yield f"{label}: local COMMIT, found {memory}", FREE, _undo_journaled(model, world, worker)
    else:
        frozen = "A" if memory == "X" and world.phase == ABANDONING else memory
        left = "T" if memory == "-" and model.has("j_tombstone") else frozen
        stage = "k" if memory in "XA" else "d" if memory == "Z" else "v"
        yield f"{label}: reports {memory}", FREE, _goes_on(model, world, worker, stage, memory=left).world()


def _executed_early(model: Model, world: World, worker: Worker) -> World:
    sketch = _goes_on(model, world, worker, "k", effects=1, memory="X")
    if model.config.early:
        for follower in model.after[worker.command % model.size]:
            model.send(sketch, "E", follower)
    return sketch.world()


def _undo_journaled(model: Model, world: World, worker: Worker) -> World:
    memory = world.memory[worker.command % model.size]
    if memory == "A":
        return _goes_on(model, world, worker, "").world()
    undoes = memory == "X" or (memory == "Z" and not model.has("j_undo_once"))
    left = "Z" if undoes else "T" if memory == "-" and model.has("j_tombstone") else memory
    return _goes_on(model, world, worker, "d", undone=int(undoes), memory=left).world()


def _call(model: Model, world: World, worker: Worker) -> Iterator[Move]:
    """A provider is called under the step's key. Stage y: the caller no longer waits for the answer."""
    operation, step, label = _about(model, worker)
    memory, waits = world.memory[step], worker.stage == "c"
    if operation == "C":
        undoes = memory == "X" or (memory == "Z" and not model.has("x_undo_key"))
        left = "Z" if undoes else memory
        sketch = _answered(model, world, worker, "d", undone=int(undoes), memory=left)
        yield f"{label}: provider undoes ({memory})", FREE, sketch.world()
    elif memory == "-" or not model.has("x_key"):
        sketch = _answered(model, world, worker, "k", effects=1, memory="X")
        yield f"{label}: provider executes{'' if waits else ', nobody waits for it'}", FREE, sketch.world()
        if waits and world.budget[REJECT] and memory == "-":
            yield from _declines(model, world, worker)
    else:
        sketch = _answered(model, world, worker, "f" if memory == "F" else "k")
        yield f"{label}: provider answers from the key ({memory})", FREE, sketch.world()


def _does_not_fit(model: Model, world: World, worker: Worker) -> Iterator[Move]:
    """G136: this process cannot read the input, and calls nobody. It gives the claim back, or nobody else can read it either."""
    operation, step, label = _about(model, worker)
    sketch = model.finish(world, worker)
    sketch.spend(MISFIT)
    if worker.newest and worker.is_first:
        sketch.claims = with_letter(sketch.claims, step, UNBEGUN)
    yield f"{label}: DOES NOT FIT, left to others", FAULT, sketch.world()
    if operation == "E" and (worker.is_first or not model.has("first_to_begin")):
        sketch = model.drop(world, worker)
        sketch.spend(MISFIT)
        model.add(sketch, worker._replace(stage="f"))
        yield f"{label}: DOES NOT FIT, no process can read it", FAULT, sketch.world()


def _declines(model: Model, world: World, worker: Worker) -> Iterator[Move]:
    label = model.labels[worker.command]
    flying = any(other.command == worker.command and other.stage == "y" for other in world.workers)
    if not flying or not model.has("x_unanswered"):
        sketch = _goes_on(model, world, worker, "f", memory="F" if model.config.sticky else "-")
        sketch.spend(REJECT)
        yield f"{label}: provider DECLINES", FAULT, sketch.world()
    if not model.has("x_indefinite"):
        sketch = _goes_on(model, world, worker, "f", effects=1, memory="X")
        sketch.spend(REJECT)
        yield f"{label}: provider executes, answer LOST and taken for a rejection", FAULT, sketch.world()


def _probe(model: Model, world: World, worker: Worker) -> Move:
    _, step, label = _about(model, worker)
    happened = world.memory[step] in "XZ"
    sketch = model.drop(world, worker)
    if happened:
        model.add(sketch, worker._replace(stage="k"))
    elif worker.stage == "q" or not model.has("probe_quiet") or model.config.probe_at_report:
        model.add(sketch, worker._replace(stage="a"))
    answer = "it happened" if happened else "absent" if worker.stage == "q" else "absent, claims alive"
    return f"{label}: probe says {answer}", FREE, sketch.world()


def _report(model: Model, world: World, worker: Worker) -> Move:
    """A transaction on the saga row."""
    operation, step, label = _about(model, worker)
    sketch = model.finish(world, worker)
    if worker.stage == "f" and model.has("newest") and not worker.newest:
        return f"{label}: rejection of an older claim, ignored", FREE, sketch.world()
    if worker.stage == "a" and model.config.probe_at_report and world.claims[step] == "E":
        return f"{label}: absent, but claims are alive, ignored", FREE, sketch.world()
    model.begin(sketch, worker.row)
    if operation == "O":
        what = model.decide(sketch, ev.Reported(step, _FINDINGS[worker.stage]))
    elif worker.stage == "k":
        what = _succeed(model, sketch, step)
    elif worker.stage == "f":
        what = model.decide(sketch, ev.Rejected(step, "no"))
    elif worker.stage == "a":
        what = model.decide(sketch, ev.Absent(step))
    else:
        what = model.decide(sketch, ev.Compensated(step))
    return f"{label}: report {worker.stage}: {what}", FREE, sketch.world()


def _succeed(model: Model, sketch: Sketch, step: int) -> str:
    what = model.decide(sketch, ev.Succeeded(step))
    if not model.has("pinned") and step == model.size - 1 and sketch.phase == RUNNING:
        sketch.phase = COMPLETED  # the participant's own version of the definition ends here
    return what


def _about(model: Model, worker: Worker) -> tuple[str, int, str]:
    return OPERATIONS[worker.command // model.size], worker.command % model.size, model.labels[worker.command]


def _answered(  # noqa: PLR0913 (one argument for each thing that can change)
    model: Model, world: World, worker: Worker, stage: str, *, effects: int = 0, undone: int = 0, memory: str = ""
) -> Sketch:
    """An answer that nobody awaits changes the provider only; the claim stays until its lease ends."""
    if worker.stage == "c":
        return _goes_on(model, world, worker, stage, effects=effects, undone=undone, memory=memory)
    sketch = model.drop(world, worker)
    _change(sketch, worker.command % model.size, effects, undone, memory)
    return sketch


def _goes_on(  # noqa: PLR0913 (one argument for each thing that can change)
    model: Model, world: World, worker: Worker, stage: str, *, effects: int = 0, undone: int = 0, memory: str = ""
) -> Sketch:
    """The worker continues with this stage; without one, it ends, and its claim too."""
    if stage:
        sketch = model.drop(world, worker)
        model.add(sketch, worker._replace(stage=stage))
    else:
        sketch = model.finish(world, worker)
    _change(sketch, worker.command % model.size, effects, undone, memory)
    return sketch


def _change(sketch: Sketch, step: int, effects: int, undone: int, memory: str) -> None:
    if effects:
        sketch.effects = with_count(sketch.effects, step, effects)
    if undone:
        sketch.undone = with_count(sketch.undone, step, undone)
    if memory:
        sketch.memory = with_letter(sketch.memory, step, memory)
