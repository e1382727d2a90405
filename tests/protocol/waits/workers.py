"""Running a wait (E15): look into the inbox; then record an outcome, or park."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.changes import with_item, with_letter
from tests.protocol.explorer import FAULT, FREE
from tests.protocol.waits.row import Move, Row, is_locked, spent, with_worker, without_worker
from tests.protocol.waits.world import CRASH, Worker, World


def work(row: Row, world: World, worker: Worker) -> Iterator[Move]:
    what = f"wait {worker.wait}{'' if worker.newest else ' (older claim)'}"
    if world.budget[CRASH]:
        yield f"{what}: CRASH at {worker.stage}", FAULT, spent(without_worker(world, worker), CRASH)
    if worker.stage == "c":
        yield _look(row, world, worker, what)
    elif worker.stage == "x":
        yield _consume_early(world, worker, what)
    elif worker.stage == "n":
        yield from _park(row, world, worker)
    else:
        yield _commit(row, world, worker)
        if worker.stage == "e" and not row.has("consume_fold"):
            yield from _commit_two(row, world, worker)


def _look(row: Row, world: World, worker: Worker, what: str) -> Move:
    found = row.find(world, worker.wait)
    over = world.late[worker.wait] if row.has("until_kept") else worker.wait in row.config.timeouts
    if found >= 0 and (row.has("until_looks") or not over):
        stage = "e" if row.has("consume_tx") else "x"
        after = _goes_on(world, worker, stage, found)
        return f"{what}: looks, finds event {found}", FREE, after
    after = _goes_on(world, worker, "t" if over else "n", -1)
    return f"{what}: looks, finds {'its time over' if over else 'nothing'}", FREE, after


def _consume_early(world: World, worker: Worker, what: str) -> Move:
    """Without G57: the event is consumed in a transaction before the outcome's."""
    event = worker.event
    if world.taken[event] < 0:
        after = _goes_on(world, worker, "y", event)._replace(taken=with_item(world.taken, event, worker.wait))
        return f"{what}: COMMIT event {event} consumed", FREE, after
    return f"{what}: event {event} is gone, looks again", FREE, _goes_on(world, worker, "c", -1)


def _park(row: Row, world: World, worker: Worker) -> Iterator[Move]:
    wait, ended = worker.wait, without_worker(world, worker)
    if is_locked(world, wait):
        return
    if not worker.newest or world.commands[wait] != "c":
        yield f"wait {wait}: not its claim any more", FREE, ended
    elif not row.is_called_for(world, wait):
        commands = with_letter(world.commands, wait, "-")
        yield f"wait {wait}: not called for any more", FREE, ended._replace(commands=commands)
    elif row.has("park_look") and row.find(world, wait) >= 0:
        yield f"wait {wait}: looks again before it parks", FREE, _goes_on(world, worker, "c", -1)
    else:
        commands = with_letter(world.commands, wait, "p")
        yield f"wait {wait}: parked", FREE, ended._replace(commands=commands)


def _commit(row: Row, world: World, worker: Worker) -> Move:
    wait, stage, event = worker.wait, worker.stage, worker.event
    after, is_called_for = without_worker(world, worker), row.is_called_for(world, wait)
    if not is_called_for and (row.has("consume_recheck") or stage != "e"):
        return f"wait {wait}: its outcome is not called for ({world.phase}, {world.vector})", FREE, after
    if stage == "e" and world.taken[event] >= 0 and row.has("consume_once"):
        again = _goes_on(world, worker, "c", -1)
        return f"wait {wait}: event {event} was consumed meanwhile, looks again", FREE, again
    if stage == "e" and row.has("inbox_keeps"):
        after = after._replace(taken=with_item(after.taken, event, wait))
    elif stage == "e":
        after = after._replace(inbox=with_letter(after.inbox, event, "-"), taken=with_item(after.taken, event, -1))
    if not is_called_for:
        return f"wait {wait}: COMMIT event {event} consumed, outcome not called for", FREE, after
    outcome = "timed out" if stage == "t" else f"success with event {event}"
    return f"wait {wait}: COMMIT {outcome}", FREE, row.advance(_succeeded(after, wait, stage, event))


def _commit_two(row: Row, world: World, worker: Worker) -> Iterator[Move]:
    """Without G56: two outcomes of one saga, in one group commit, take the same event."""
    wait, event = worker.wait, worker.event
    for other in world.workers:
        is_second = other.stage == "e" and other.event == event and other.wait > wait
        both = row.is_called_for(world, wait) and row.is_called_for(world, other.wait)
        if is_second and both and world.taken[event] < 0:
            after = without_worker(without_worker(world, worker), other)
            after = after._replace(taken=with_item(world.taken, event, other.wait))
            after = _succeeded(_succeeded(after, wait, "e", event), other.wait, "e", event)
            yield f"waits {wait} and {other.wait}: one group COMMIT", FREE, row.advance(after)


def _succeeded(world: World, wait: int, stage: str, event: int) -> World:
    return world._replace(
        vector=with_letter(world.vector, wait + 1, "S"),
        got=with_letter(world.got, wait, "t" if stage == "t" else str(event)),
        commands=with_letter(world.commands, wait, "-"),
    )


def _goes_on(world: World, worker: Worker, stage: str, event: int) -> World:
    return with_worker(without_worker(world, worker), worker._replace(stage=stage, event=event))
