"""A turn: tell the function what is new, see what it asks for, and record both (E19)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from tests.protocol.changes import with_item, with_letter
from tests.protocol.explorer import FAULT, FREE
from tests.protocol.functions.row import Move, Row, is_passed, names_of, spent, told_names, untold
from tests.protocol.functions.world import CRASH, Asked, Coroutine, Outcome, Seen, Told, Worker, World


def work(row: Row, world: World, worker: Worker) -> Iterator[Move]:
    what = f"turn of process {worker.process}{'' if worker.newest else ' (older)'}"
    if world.budget[CRASH]:
        coroutines = with_item(world.coroutines, worker.process, None)
        after = spent(_without(world, worker), CRASH)._replace(coroutines=coroutines)
        yield f"{what}: CRASH at {'o' if worker.outcome else 'c'}", FAULT, after
    if worker.outcome is not None:
        done, after = _record(row, world, worker, worker.outcome)
        yield f"{what}: {done}", FREE, after
        return
    for new in dict.fromkeys(permutations(untold(world))):
        yield from _run(row, world, worker, new, what)


def _run(row: Row, world: World, worker: Worker, new: tuple[int, ...], what: str) -> Iterator[Move]:
    names, said = names_of(world), tuple((told.step, told.letter) for told in world.told)
    fresh: Seen = tuple((step, world.vector[step]) for step in new)
    coroutine = world.coroutines[worker.process]
    seen, is_live = (*said, *fresh), False
    if coroutine is not None and (_fits(row, coroutine, said, names) or not row.has("fn_cache")):
        known = dict(coroutine.seen)
        seen, is_live = (*coroutine.seen, *(result for result in fresh if result[0] not in known)), True
    try:
        answer = row.answer(_named(names, seen), world.code)
    except (KeyError, IndexError):
        return  # the code cannot come to this place
    differs = not is_live and bool(names) and names != row.answer(_named(names, said), world.code).asked
    quarantines = differs and row.has("fn_replay")
    asks, retracts = answer.asked[len(names) :], _retracts(row, names, answer.cancelled, seen)
    outcome = Outcome(len(names), new, asks, retracts, answer.end, quarantines, seen, world.code)
    kept = None if quarantines else Coroutine(seen, answer.asked)
    after = _with(_without(world, worker), worker._replace(outcome=outcome))
    after = after._replace(coroutines=with_item(world.coroutines, worker.process, kept))
    replayed = " after a replay" if not is_live and world.told else ""
    told, asked = "".join(names[step] for step in new) or "nothing", "".join(asks) or "nothing"
    cancels = f", cancels {''.join(answer.cancelled)}" if retracts else ""
    end = f", {answer.end}" if answer.end else ""
    yield f"{what}: told {told}{replayed}, asks {asked}{cancels}{end}", FREE, after


def _fits(row: Row, coroutine: Coroutine, said: Seen, names: tuple[str, ...]) -> bool:
    """G90: the coroutine was told what is recorded, in this order, and has asked for what is recorded."""
    if row.config.weaker == "by number":
        return len(coroutine.seen) == len(said)
    return coroutine.seen == said and (coroutine.asked == names or row.config.weaker == "by told")


def _named(names: tuple[str, ...], seen: Seen) -> tuple[tuple[str, str], ...]:
    return tuple((names[step], letter) for step, letter in seen)


def _retracts(row: Row, names: tuple[str, ...], cancelled: tuple[str, ...], seen: Seen) -> tuple[int, ...]:
    """G94: a cancelled await retracts its step only if its result was not told."""
    told = dict(seen) if row.has("fn_retract") else {}
    return tuple(step for step, name in enumerate(names) if name in cancelled and step not in told)


def _record(row: Row, world: World, worker: Worker, outcome: Outcome) -> tuple[str, World]:
    after = _without(world, worker)
    by_shape = row.config.weaker == "by shape"
    counts = len(world.asked) == outcome.size if by_shape else worker.newest and world.command == "c"
    if row.has("turn_newest") and not counts:
        return "not the newest claim, dropped", after
    if worker.newest:
        after = after._replace(command="-")
    if world.phase != "R" and (row.has("grow_running") or world.phase in "DZ"):
        return "recorded only", after
    if world.turn not in "DP" and world.phase == "R":
        return f"the turn is {world.turn}, recorded only", after
    if outcome.differs:
        return "asks for other steps than before, QUARANTINED", after._replace(turn="d", command="-")
    appends = not world.told or (row.has("turn_newest") and not by_shape)
    after = _grown(world, after, outcome, appends=appends)
    names = names_of(after)
    if row.answer(told_names(after), outcome.code).asked != names:
        return "COMMIT of what no replay would ask for", after._replace(turn="!")
    return _end(row, _retracted(row, after, outcome.retracts), outcome)


def _grown(world: World, after: World, outcome: Outcome, *, appends: bool) -> World:
    """Appends to the log. Without G82, the list that this turn knows takes the place of the recorded one."""
    turn = max([asked.turn for asked in world.asked] + [told.turn for told in world.told] + [0]) + 1
    if appends:
        told = (*world.told, *(Told(step, turn, world.vector[step]) for step in outcome.new))
    else:
        turns = {told.step: told.turn for told in world.told}
        told = tuple(Told(step, turns.get(step, turn), letter) for step, letter in outcome.seen)
    count = len(outcome.asks)
    return after._replace(
        told=told,
        vector=world.vector + ("P" if world.cancel else "D") * count,
        memory=world.memory + "-" * count,
        asked=(*world.asked, *(Asked(name, turn) for name in outcome.asks)),
        effects=world.effects + (0,) * count,
        undone=world.undone + (0,) * count,
    )


def _retracted(row: Row, world: World, steps: tuple[int, ...]) -> World:
    for step in steps:
        letter = world.vector[step]
        if letter == "P" or (letter == "D" and not row.is_journaled(world, step)):
            world = world._replace(vector=with_letter(world.vector, step, "V"))
        elif letter in "DS":
            world = world._replace(vector=with_letter(world.vector, step, "K"))
    return world


def _end(row: Row, world: World, outcome: Outcome) -> tuple[str, World]:
    """G93: a function has returned when all it asked for was told to it, or is retracted. G89: else it goes on, or is blocked."""
    said = {told.step for told in world.told}
    over = all(letter in "VZK" or (letter in "SH" and step in said) for step, letter in enumerate(world.vector))
    swallows = outcome.end == "return" and row.has("fn_return") and over and swallowed(row, world)
    if outcome.end == "raise" or swallows:
        if is_passed(world):
            return "raises behind the pivot, QUARANTINED", world._replace(turn="d", command="-")
        return "COMMIT, it raised", row.request_rollback(world._replace(turn="R"))
    if outcome.end == "return" and (over or not row.has("fn_return")):
        return "COMMIT, it returned", row.advance(world._replace(turn="S", command="-"))
    if untold(world) and row.has("turn_again"):
        return "COMMIT, due again", world._replace(turn="D", command="q")
    return "COMMIT, blocked", world._replace(turn="P", command="-")


def swallowed(row: Row, world: World) -> bool:
    """A rejection that the function was told only after it had returned: it could not catch it."""
    told = told_names(world)
    for cut in range(len(told) + 1):
        if row.answer(told[:cut], world.code).end == "return":
            return any(letter == "H" for _, letter in told[cut:])
    return False


def _without(world: World, worker: Worker) -> World:
    return world._replace(workers=tuple(other for other in world.workers if other != worker))


def _with(world: World, worker: Worker) -> World:
    return world._replace(workers=tuple(sorted((*world.workers, worker), key=lambda other: other.process)))
