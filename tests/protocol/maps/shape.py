"""The order of the steps: copies stand between what is before their map and what is behind it (G88)."""

from __future__ import annotations

from typing import Final

from tests.protocol.maps.world import Config, World

KEYS: Final = (
    "map_once", "map_place", "map_running", "map_open", "map_empty", "map_wakes", "map_before", "map_after",
)  # fmt: skip


class Shape:
    """The successors of each step, as a rollback sees them, and the guards that are there."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.join = len(config.items) + 1
        self._guards = frozenset(KEYS) - {config.without}

    def has(self, guard: str) -> bool:
        return guard in self._guards

    def copies(self, world: World, number: int) -> list[int]:
        return [step for step in range(self.join + 1, len(world.vector)) if world.origins[step][0] == number]

    def successors(self, world: World, step: int) -> list[int]:
        if step == 0:
            copies = range(self.join + 1, len(world.vector)) if self.has("map_before") else ()
            return [*range(1, self.join), *copies]
        is_before_join = step < self.join or (step > self.join and self.has("map_after"))
        return [self.join] if is_before_join else []

    def is_free(self, world: World, step: int) -> bool:
        return all(self.is_clear(world, successor) for successor in self.successors(world, step))

    def is_clear(self, world: World, step: int) -> bool:
        return world.vector[step] in "RVZH" and self.is_free(world, step)
