"""The saga row of a saga with maps, and all that changes it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol import explorer
from tests.protocol.changes import with_count, with_item, with_letter, without_item
from tests.protocol.explorer import FAULT, FREE
from tests.protocol.maps.invariants import check
from tests.protocol.maps.shape import Shape
from tests.protocol.maps.world import CANCEL, CRASH, PAUSE, REJECT, STATIC, Config, Worker, World

Move = explorer.Move[World]


class MapModel(Shape):
    """One configuration. Step 0 is A, the maps follow, then J; the copies stand behind."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.name = config.name

    def start(self) -> Iterator[World]:
        size, maps = self.join + 1, len(self.config.items)
        none, count = "-" * size, (0,) * size
        yield World(
            phase="R", vector="D" + "P" * (size - 1), origins=(STATIC,) * size, grown=(False,) * maps, memory=none,
            effects=count, undone=count, commands="-" * maps, workers=(), budget=self.config.budget,
        )  # fmt: skip

    # -- the saga row --------------------------------------------------------------------------------------------------

    def advance(self, world: World) -> World:
        """E5: dispatches what is ready; a map is ready once before and once after it has grown."""
        if world.phase != "R":
            return world
        for number in range(len(self.config.items)):
            world = self._advance_map(world, number)
        if world.vector[self.join] == "P" and all(letter in "SN" for letter in world.vector[1 : self.join]):
            world = world._replace(vector=with_letter(world.vector, self.join, "D"))
        return world._replace(phase="D") if all(letter in "SH" for letter in world.vector) else world

    def _advance_map(self, world: World, number: int) -> World:
        step, copies = number + 1, self.copies(world, number)
        if world.vector[step] != "P":
            return world
        if not world.grown[number] and world.vector[0] == "S":
            commands = with_letter(world.commands, number, "q")
            return world._replace(vector=with_letter(world.vector, step, "D"), commands=commands)
        finished = bool(copies) and all(world.vector[copy] in "SH" for copy in copies)
        if world.grown[number] and finished and self.has("map_wakes"):
            return world._replace(vector=with_letter(world.vector, step, "S"))
        return world

    def roll_back(self, world: World) -> World:
        vector = world.vector.replace("P", "V")
        for step, letter in enumerate(vector):
            if letter == "D" and (step < self.join or not self.config.journaled):
                vector = with_letter(vector, step, "V")
        return self.settle(world._replace(phase="C", vector=vector))

    def settle(self, world: World) -> World:
        again = True
        while again:
            again = False
            for step in range(len(world.vector)):
                if world.vector[step] in "SD" and self.is_free(world, step):
                    letter = "Z" if 0 < step < self.join else "K"
                    world = world._replace(vector=with_letter(world.vector, step, letter))
                    again = True
        return (
            world._replace(phase="Z") if all(self.is_clear(world, step) for step in range(len(world.vector))) else world
        )

    # -- moves ---------------------------------------------------------------------------------------------------------

    def moves(self, state: World) -> Iterator[Move]:
        for step in (0, *range(self.join, len(state.vector))):
            yield from self.step(state, step)
        for number in range(len(self.config.items)):
            yield from self.claims(state, number)
        for worker in dict.fromkeys(state.workers):
            yield from self.work(state, worker)
        if state.budget[CANCEL] and state.phase == "R":
            yield "ROLLBACK", FAULT, self.roll_back(spent(state, CANCEL))

    def step(self, world: World, step: int) -> Iterator[Move]:
        journaled, letter = self.config.journaled and step >= self.join, world.vector[step]
        what = f"step {step}" if world.origins[step] == STATIC else f"copy {world.origins[step]}"
        if journaled and world.memory[step] == "-" and letter in "DK":
            memory, effects = with_letter(world.memory, step, "X"), with_count(world.effects, step, 1)
            yield f"{what}: local COMMIT effect", FREE, world._replace(memory=memory, effects=effects)
        executed = world.memory[step] == "X" if journaled else world.phase == "R"
        if letter == "D" and executed and world.phase in "RC":
            yield f"{what}: success", FREE, self._succeeded(world, step, journaled=journaled)
        if letter == "D" and world.phase == "R" and world.memory[step] == "-" and world.budget[REJECT]:
            yield f"{what}: REJECTS", FAULT, self._rejected(world, step)
        if letter == "K" and world.phase == "C":
            undo = world.memory[step] == "X"
            after = world._replace(
                vector=with_letter(world.vector, step, "Z"),
                memory=with_letter(world.memory, step, "Z" if undo else "T"),
                undone=with_count(world.undone, step, int(undo)),
            )
            yield f"{what}: {'undone' if undo else 'tombstone'}", FREE, self.settle(after)

    def _succeeded(self, world: World, step: int, *, journaled: bool) -> World:
        after = world._replace(vector=with_letter(world.vector, step, "S"))
        if not journaled:
            memory, effects = with_letter(world.memory, step, "X"), with_count(world.effects, step, 1)
            after = after._replace(effects=effects, memory=memory)
        return self.settle(after) if world.phase == "C" else self.advance(after)

    def _rejected(self, world: World, step: int) -> World:
        handled = self.config.handled and world.origins[step] != STATIC
        after = spent(world, REJECT)._replace(
            memory=with_letter(world.memory, step, "T"), vector=with_letter(world.vector, step, "H" if handled else "R")
        )
        return self.advance(after) if handled else self.roll_back(after)

    def claims(self, world: World, number: int) -> Iterator[Move]:
        """The command of a map is claimed, by one process after another; a lease ends with its process or by a pause."""
        mine = [worker for worker in world.workers if worker.number == number]
        alive = any(worker.newest for worker in mine)
        older = tuple(w._replace(newest=False) if w.number == number else w for w in world.workers)
        called_for = world.phase == "R" and world.vector[number + 1] == "D"
        if world.commands[number] == "q" and called_for and len(mine) < 2:
            workers = tuple(sorted((*older, Worker(number, newest=True, stage="c", place=0))))
            commands = with_letter(world.commands, number, "c")
            yield f"map {number}: claimed", FREE, world._replace(commands=commands, workers=workers)
        if world.commands[number] == "c" and (not alive or world.budget[PAUSE]):
            commands = with_letter(world.commands, number, "q")
            after = world._replace(commands=commands, workers=tuple(sorted(older)))
            if alive:
                yield f"map {number}: SUSPENDED, lease over", FAULT, spent(after, PAUSE)
            else:
                yield f"map {number}: lease over", FREE, after

    def work(self, world: World, worker: Worker) -> Iterator[Move]:
        number, newest = worker.number, worker.newest
        after = world._replace(workers=without_item(world.workers, worker))
        what = f"map {number}{'' if newest else ' (older claim)'}"
        if world.budget[CRASH]:
            yield f"{what}: CRASH", FAULT, spent(after, CRASH)
        if worker.stage == "c":
            reader = worker._replace(stage="g", place=len(world.vector))
            workers = tuple(sorted((*after.workers, reader)))
            yield f"{what}: reads, has {self.config.items[number]} items", FREE, after._replace(workers=workers)
            return
        if newest:
            after = after._replace(commands=with_letter(world.commands, number, "-"))
        if not self._may_grow(world, number):
            yield f"{what}: not called for any more", FREE, after
        elif self.has("map_once") and (world.grown[number] or not newest):
            yield f"{what}: not the newest claim, or grown already", FREE, after
        else:
            place = len(world.vector) if self.has("map_place") else worker.place
            grown = self._grown(after, number, place)
            yield f"{what}: COMMIT {self.config.items[number]} copies at {place}", FREE, self.advance(grown)

    def _may_grow(self, world: World, number: int) -> bool:
        """G83. Without G82 too, an older claim of a map that has grown writes while the saga runs."""
        if world.phase == "R" and (world.vector[number + 1] == "D" or not self.has("map_once")):
            return True
        return not self.has("map_running") and world.phase not in "DZ"

    def _grown(self, world: World, number: int, place: int) -> World:
        """The copies take the places from `place` on: what stands there is lost."""
        count, rest = self.config.items[number], place + self.config.items[number]
        origins = tuple((number, item) for item in range(count))
        world = world._replace(
            grown=with_item(world.grown, number, item=True),
            vector=world.vector[:place] + "D" * count + world.vector[rest:],
            origins=world.origins[:place] + origins + world.origins[rest:],
            memory=world.memory[:place] + "-" * count + world.memory[rest:],
            effects=world.effects[:place] + (0,) * count + world.effects[rest:],
            undone=world.undone[:place] + (0,) * count + world.undone[rest:],
        )
        if world.phase != "R" or world.vector[number + 1] not in "DP":
            return world
        finished = not self.has("map_open") or (count == 0 and self.has("map_empty"))
        return world._replace(vector=with_letter(world.vector, number + 1, "S" if finished else "P"))

    # -- for the explorer ----------------------------------------------------------------------------------------------

    def check(self, before: World, after: World, label: str) -> None:  # noqa: ARG002
        check(self, before, after)

    def canonical(self, state: World) -> World:
        return state

    def end(self, state: World) -> str:
        return state.phase if state.phase in "DZ" else ""

    def waits_for_person(self, state: World) -> bool:  # noqa: ARG002
        return False

    def shown(self, state: World) -> str:
        static = self.join + 1
        copies = " ".join(
            f"{number}.{item}={letter}"
            for (number, item), letter in zip(state.origins[static:], state.vector[static:], strict=True)
        )
        return (
            f"{state.phase} [{state.vector[:static]}] copies [{copies}] effects {state.effects} undone {state.undone}"
        )


def spent(world: World, fault: int) -> World:
    return world._replace(budget=with_count(world.budget, fault, -1))
