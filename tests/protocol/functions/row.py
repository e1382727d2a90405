"""The saga row of a function: forward when a result is there, backward in the order of asking and telling (G92)."""

from __future__ import annotations

from tests.protocol import explorer
from tests.protocol.changes import with_count, with_letter
from tests.protocol.functions.programs import PROGRAMS, Answer, Told
from tests.protocol.functions.world import KEYS, Config, World

Move = explorer.Move[World]


class Row:
    """One configuration, with the guards that are there."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._program = PROGRAMS[config.program]
        self._guards = frozenset(KEYS) - {config.without}

    def has(self, guard: str) -> bool:
        return guard in self._guards

    def answer(self, told: Told, code: int) -> Answer:
        return self._program(told, code)

    def is_journaled(self, world: World, step: int) -> bool:
        return world.asked[step].name in self.config.journaled

    # -- forward -------------------------------------------------------------------------------------------------------

    def advance(self, world: World) -> World:
        if world.phase != "R":
            return world
        if not world.cancel:
            world = world._replace(vector=world.vector.replace("P", "D"))
        if world.turn in "SN" and all(letter in "SHVZ" for letter in world.vector):
            return world._replace(phase="D")
        if world.turn == "P" and untold(world) and self.has("turn_wakes"):
            return world._replace(turn="D", command="q")
        return world

    # -- backward ------------------------------------------------------------------------------------------------------

    def request_rollback(self, world: World) -> World:
        """E6: a journaled pivot of unknown outcome is asked to void or report first (G31)."""
        pivot = pivot_of(world)
        if world.phase != "R" or is_passed(world):
            return world
        if pivot >= 0 and world.vector[pivot] in "DW" and self.is_journaled(world, pivot):
            return world._replace(cancel=True, vector=with_letter(world.vector, pivot, "W"))
        return self.roll_back(world)

    def roll_back(self, world: World) -> World:
        vector = world.vector.replace("P", "V")
        for step, letter in enumerate(vector):
            if letter in "Dd" and not self.is_journaled(world, step):
                vector = with_letter(vector, step, "V")
        turn = world.turn if world.turn == "R" else "V"
        return self.settle(world._replace(phase="C", cancel=False, vector=vector, turn=turn))

    def settle(self, world: World) -> World:
        for step in reversed(range(len(world.vector))):
            if world.vector[step] in "SDd" and self._is_free(world, step):
                world = world._replace(vector=with_letter(world.vector, step, "K"))
        clear = all(self._is_clear(world, step) for step in range(len(world.vector)))
        return world._replace(phase="Z") if clear else world

    def _is_free(self, world: World, step: int) -> bool:
        """G92: every step that was asked for after this one's result was told is clear."""
        return not self.has("fn_order") or all(self._is_clear(world, later) for later in _asked_after(world, step))

    def _is_clear(self, world: World, step: int) -> bool:
        return world.vector[step] in "RVZH" and self._is_free(world, step)


def _asked_after(world: World, step: int) -> list[int]:
    turn = next((told.turn for told in world.told if told.step == step), None)
    return [] if turn is None else [later for later, asked in enumerate(world.asked) if asked.turn >= turn]


def names_of(world: World) -> tuple[str, ...]:
    return tuple(asked.name for asked in world.asked)


def pivot_of(world: World) -> int:
    names = names_of(world)
    return names.index("p") if "p" in names else -1


def is_passed(world: World) -> bool:
    pivot = pivot_of(world)
    return pivot >= 0 and world.vector[pivot] == "S"


def told_names(world: World) -> Told:
    return tuple((world.asked[told.step].name, told.letter) for told in world.told)


def untold(world: World) -> list[int]:
    """The steps that are finished and were not told to the function."""
    said = {told.step for told in world.told}
    return [step for step, letter in enumerate(world.vector) if letter in "SH" and step not in said]


def spent(world: World, fault: int) -> World:
    return world._replace(budget=with_count(world.budget, fault, -1))
