"""A saga with waits, and all that happens to it. The model that is explored."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.changes import with_item, with_letter
from tests.protocol.explorer import FAULT, FREE, OPERATOR
from tests.protocol.waits.invariants import check
from tests.protocol.waits.row import Move, Row, is_locked, roll_back, spent, with_worker
from tests.protocol.waits.senders import send
from tests.protocol.waits.workers import work
from tests.protocol.waits.world import CANCEL, CRASH, PAUSE, Config, Sender, Worker, World


class WaitModel(Row):
    """One configuration with its actors."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.name = config.name

    def start(self) -> Iterator[World]:
        config, waits, events = self.config, len(self.config.waits), len(self.config.events)
        copies = config.copies or (1,) * events
        senders = tuple(Sender(event, "s", ()) for event in range(events) for _ in range(copies[event]))
        yield World(
            phase="R", vector="D" + "P" * waits, paused=False, commands="-" * waits, late=(False,) * waits,
            inbox="-" * events, taken=(-1,) * events, got="-" * waits, senders=senders, workers=(), budget=config.budget,
        )  # fmt: skip

    def moves(self, state: World) -> Iterator[Move]:
        if state.phase == "R" and state.vector[0] == "D":
            yield "A succeeds", FREE, self.advance(state._replace(vector=with_letter(state.vector, 0, "S")))
        for sender in dict.fromkeys(state.senders):
            yield from send(self, state, sender)
        for wait in self.waits:
            yield from self.claims(state, wait)
            yield from self.time(state, wait)
        for worker in dict.fromkeys(state.workers):
            yield from work(self, state, worker)
        if self.waits_for_person(state) and not state.paused:
            yield "nobody sends anything: a person rolls back", OPERATOR, roll_back(state)
        if state.budget[CANCEL] and state.phase == "R":
            yield "ROLLBACK", FAULT, spent(roll_back(state), CANCEL)
        yield from self.pause(state)

    def pause(self, world: World) -> Iterator[Move]:
        if world.phase != "R":
            return
        if world.budget[PAUSE] and not world.paused:
            yield "PAUSE", FAULT, spent(world._replace(paused=True), PAUSE)
        if world.paused:
            commands = "".join(
                "q" if world.vector[wait + 1] == "D" and letter != "c" else letter
                for wait, letter in enumerate(world.commands)
            )
            after = self.advance(world._replace(paused=False, commands=commands))
            yield "resume: everything is sent again", OPERATOR, after

    def claims(self, world: World, wait: int) -> Iterator[Move]:
        """A due command is claimed. A lease ends with its process, or when that is suspended."""
        if is_locked(world, wait):
            return
        alive = [worker for worker in world.workers if worker.wait == wait and worker.newest]
        busy = sum(worker.wait == wait for worker in world.workers) >= 2
        if world.commands[wait] == "q" and self.is_called_for(world, wait) and not world.paused and not busy:
            claimed = world._replace(commands=with_letter(world.commands, wait, "c"))
            yield f"wait {wait}: claimed", FREE, with_worker(claimed, Worker(wait, "c", -1, newest=True))
        if world.commands[wait] == "c" and (not alive or world.budget[CRASH]):
            older = tuple(sorted(w._replace(newest=False) if w in alive else w for w in world.workers))
            after = world._replace(commands=with_letter(world.commands, wait, "q"), workers=older)
            if alive:
                yield f"wait {wait}: its worker is SUSPENDED, its lease over", FAULT, spent(after, CRASH)
            else:
                yield f"wait {wait}: its lease is over", FREE, after

    def time(self, world: World, wait: int) -> Iterator[Move]:
        """The moment of a timeout comes; a parked command is due then, and in any case after a long time."""
        parked, locked = world.commands[wait] == "p", is_locked(world, wait)
        due = world._replace(commands=with_letter(world.commands, wait, "q"))
        has_timeout = world.vector[wait + 1] == "D" and wait in self.config.timeouts
        if has_timeout and not world.late[wait] and not (parked and locked):
            late = with_item(world.late, wait, item=True)
            yield f"wait {wait}: its time is over", FREE, (due if parked else world)._replace(late=late)
        if has_timeout and world.late[wait] and parked and not locked:
            yield f"wait {wait}: is due, its time is over", FREE, due
        polls = self.config.polls and self.has("park_poll")
        if polls and parked and not locked and self.find(world, wait) >= 0:
            yield f"wait {wait}: is due once more, it was parked for long", FREE, due

    # -- for the explorer ----------------------------------------------------------------------------------------------

    def check(self, before: World, after: World, label: str) -> None:
        check(self, before, after, label)

    def canonical(self, state: World) -> World:
        return state

    def end(self, state: World) -> str:
        return state.phase if state.phase in "DZ" else ""

    def waits_for_person(self, state: World) -> bool:
        """Rightly so: each open wait is parked, no event for it is there or on its way, and no timeout will come."""
        if state.paused:
            return True
        waiting = [wait for wait in self.waits if state.vector[wait + 1] == "D"]
        is_quiet = not state.senders and not state.workers and state.phase == "R" and state.vector[0] == "S"
        kept = all(taker < 0 or state.got[taker] == str(event) for event, taker in enumerate(state.taken))
        return is_quiet and kept and bool(waiting) and all(self._rests(state, wait) for wait in waiting)

    def _rests(self, world: World, wait: int) -> bool:
        return world.commands[wait] == "p" and self.find(world, wait) < 0 and wait not in self.config.timeouts

    def shown(self, state: World) -> str:
        row = f"{state.phase} [{state.vector}]{' paused' if state.paused else ''}"
        return f"{row} commands {state.commands} inbox {state.inbox} taken {state.taken} got {state.got}"
