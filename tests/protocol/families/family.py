"""A configuration of a family of sagas: the parent of each saga, and the guards that hold."""

from __future__ import annotations

from tests.protocol import explorer
from tests.protocol.families.trees import PLAIN
from tests.protocol.families.world import KEYS, Config, World

Move = explorer.Move[World]
Effects = list[tuple[tuple[int, ...], tuple[int, ...]]]


class Family:
    """The parts of a configuration that the rules, the moves and the invariants share."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.tree = config.tree
        self.parents = {
            child: (saga, step)
            for saga, definition in enumerate(self.tree)
            for step, child in enumerate(definition.steps)
            if child != PLAIN
        }
        self._guards = frozenset(KEYS) - {config.without}

    def has(self, guard: str) -> bool:
        return guard in self._guards

    def below(self, saga: int) -> list[int]:
        """The saga and all under it."""
        found = [saga]
        for child in self.tree[saga].steps:
            if child != PLAIN:
                found += self.below(child)
        return found

    def effects_under(self, world: World, saga: int) -> Effects:
        return [(world.effects[at], world.undone[at]) for at in self.below(saga)]

    def stands(self, world: World, saga: int, step: int) -> bool:
        """The effect of a step, or one below it, stands."""
        child = self.tree[saga].steps[step]
        if child == PLAIN:
            return world.effects[saga][step] != world.undone[saga][step]
        return any(effects != undone for effects, undone in self.effects_under(world, child))

    def is_whole(self, world: World, saga: int) -> bool:
        """The effects of exactly the steps that have succeeded are there, here and below."""
        for step, letter in enumerate(world.rows[saga].vector):
            child = self.tree[saga].steps[step]
            if letter == "S" and child == PLAIN:
                fits = (world.effects[saga][step], world.undone[saga][step]) == (1, 0)
            elif letter == "S":
                fits = self.is_whole(world, child)
            else:
                fits = letter in "HVZ" and (child == PLAIN or not self.stands(world, saga, step))
            if not fits:
                return False
        return True


CALLED_FOR = {"RD": "E", "RW": "O", "RK": "C", "CK": "C", "AG": "F"}


def wanted(phase: str, letter: str) -> str:
    """The order that a child step calls for; empty if it calls for none."""
    return CALLED_FOR.get(phase + letter, "")
