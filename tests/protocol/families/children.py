"""Child steps: their commands are claimed and parked, and processes carry out their orders on two rows."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.explorer import FAULT, FREE, OPERATOR
from tests.protocol.families.draft import Draft
from tests.protocol.families.family import Family, Move, wanted
from tests.protocol.families.orders import carry_out, report
from tests.protocol.families.trees import PLAIN
from tests.protocol.families.world import CRASH, ENDS, LOSE, PAUSE, RETRACT, Row, Worker, World


def child_step(family: Family, world: World, saga: int, step: int) -> Iterator[Move]:
    child = family.tree[saga].steps[step]
    command, row = dict(world.commands)[saga, step], world.rows[saga]
    order = wanted(row.phase, row.vector[step])
    mine = [worker for worker in world.workers if (worker.saga, worker.step) == (saga, step)]
    if order and command == "-" and len(mine) < 2:
        draft = Draft(family, world)
        draft.commands[saga, step] = "c"
        draft.workers = [worker._replace(newest=False) if worker in mine else worker for worker in draft.workers]
        draft.workers.append(Worker(saga, step, order, "c", newest=True))
        yield f"{order} of child {child}: claimed", FREE, draft.world()
    alive = any(worker.newest for worker in mine)
    if command == "c" and (not alive or world.budget[PAUSE]):
        draft = _due(family, world, saga, step)
        if alive:
            yield f"child {child}: SUSPENDED, lease over", FAULT, draft.spend(PAUSE).world()
        else:
            yield f"child {child}: lease over", FREE, draft.world()
    if command == "p" and family.has("child_poll") and world.rows[child].phase in "HDZX.-":
        due = _due(family, world, saga, step).world()
        yield f"step of child {child}: is due again, it was parked for long", FREE, due
    if world.budget[RETRACT] and _may_be_retracted(family, world, saga, step):
        draft = Draft(family, world).spend(RETRACT)
        draft.set_letter(saga, step, "K")
        yield f"RETRACT child {child} ({row.vector[step]})", FAULT, draft.world()
    if row.vector[step] in "dwk" and row.phase in "RC":
        yield from _person(family, world, saga, step)


def _due(family: Family, world: World, saga: int, step: int) -> Draft:
    draft = Draft(family, world)
    draft.commands[saga, step] = "-"
    return draft


def _may_be_retracted(family: Family, world: World, saga: int, step: int) -> bool:
    row, definition, draft = world.rows[saga], family.tree[saga], Draft(family, world)
    free = all(row.vector[after] == "P" or draft.is_clear(saga, after) for after in definition.after(step))
    is_running = row.phase == "R" and step != definition.pivot
    return is_running and (row.vector[step] in "Dd" or (row.vector[step] == "S" and free))


def _person(family: Family, world: World, saga: int, step: int) -> Iterator[Move]:
    child, row = family.tree[saga].steps[step], world.rows[saga]
    letter, phase = row.vector[step], world.rows[child].phase
    waits_for_successors = letter == "d" and row.phase == "C"
    if not waits_for_successors:
        draft = Draft(family, world)
        draft.set_letter(saga, step, letter.upper())
        yield f"person retries the step of child {child}", OPERATOR, draft.world()
        if phase in "XZ":
            yield from _undone_by_hand(family, world, saga, step)
        elif phase == "D" and letter in "dw":
            draft = Draft(family, world)
            draft.record_success(saga, step)
            yield f"person: child {child} happened", OPERATOR, draft.world()
    pivot = family.tree[saga].pivot
    if letter == "d" and row.phase == "R" and pivot >= 0 and row.vector[pivot] == "S" and phase in "XZ":
        yield f"by hand: child {child} was made good", OPERATOR, _made_good(family, world, saga, step)


def _undone_by_hand(family: Family, world: World, saga: int, step: int) -> Iterator[Move]:
    child, draft = family.tree[saga].steps[step], Draft(family, world)
    letter = world.rows[saga].vector[step]
    if letter != "k" and draft.is_passed(saga):
        return
    for under in family.below(child):
        draft.undone[under] = list(draft.effects[under])
    if letter == "k":
        draft.set_letter(saga, step, "Z")
        draft.goes_on(saga)
    elif step == family.tree[saga].pivot:
        draft.set_letter(saga, step, "V")
        draft.roll_back(saga)
    else:
        draft.record_rejection(saga, step)
    yield f"by hand: child {child} did not happen, or was undone by hand", OPERATOR, draft.world()


def _made_good(family: Family, world: World, saga: int, step: int) -> World:
    """Behind the pivot, the saga goes on without the child: a person has made its effects."""
    draft = Draft(family, world)
    draft.set_letter(saga, step, "S")
    for under in family.below(family.tree[saga].steps[step]):
        definition = family.tree[under]
        draft.effects[under] = [int(child == PLAIN) for child in definition.steps]
        draft.undone[under] = [0] * definition.size
        draft.rows[under] = Row("D", "S" * definition.size, cancel=False)
    draft.advance(saga)
    return draft.world()


def work(family: Family, world: World, worker: Worker) -> Iterator[Move]:
    saga, step, order, stage, newest = worker
    child = family.tree[saga].steps[step]
    what = f"{order} of child {child}{'' if newest else ' (older)'}"
    if world.budget[CRASH]:
        crashed = Draft(family, world).without(worker).spend(CRASH)
        yield f"{what}: CRASH at {stage}", FAULT, crashed.world()
    draft = Draft(family, world).without(worker)
    if stage == "c":
        told = carry_out(draft, child, order)
        draft.workers.append(worker._replace(stage=told))
        change = f"{world.rows[child].phase} -> {draft.rows[child].phase}"
        yield f"{what}: COMMIT on its row ({change}): {told}", FREE, draft.world()
        return
    if newest and draft.commands[saga, step] == "c":
        draft.commands[saga, step] = "p" if stage == "P" else "-"
    if stage != "P" and world.rows[saga].phase not in f"{ENDS}.":
        report(draft, saga, step, order, stage, newest=newest)
    yield f"{what}: report {stage}", FREE, draft.world()


def message(family: Family, world: World, about: int) -> Iterator[Move]:
    """A wake-up after the child's transaction, or the end of a parent that is told to a child; each may be lost."""
    child, is_end = abs(about), about < 0
    what = f"saga {child}: that its parent has ended" if is_end else f"saga {child}: its wake-up"
    is_parked = not is_end and dict(world.commands)[family.parents[child]] == "p"
    draft = Draft(family, world)
    draft.messages.discard(about)
    if world.budget[LOSE] and (is_end or is_parked):
        yield f"{what} is LOST", FAULT, draft.spend(LOSE).world()
        draft = Draft(family, world)
        draft.messages.discard(about)
    if is_end and world.rows[child].phase == "H":
        draft.set_phase(child, "D")
    if is_parked:
        draft.commands[family.parents[child]] = "-"
    yield f"{what} arrives", FREE, draft.world()
