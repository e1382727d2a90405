"""Worlds whose operators undo single steps while their sagas go on."""

from __future__ import annotations

from saga.history import verify
from saga.memory.adapter import MemoryAdapter
from saga.testing.clocks.virtual_loop import VirtualLoop
from tests.simulation.seeds.chance import Chance, Edits
from tests.simulation.seeds.retractions import retracting_plan_of
from tests.simulation.worlds.world import World


class RetractingWorld(World):
    """At the end, the independent checker finds the history of every saga as the protocol wants it."""

    def __init__(self, loop: VirtualLoop, seed: int, edits: Edits) -> None:
        super().__init__(loop, retracting_plan_of(seed), Chance(seed, edits), edits)

    async def _main(self) -> None:
        await super()._main()
        verdict = await verify(MemoryAdapter(self.database, self.options).listing)
        for breach in verdict.findings:
            self.observer.broken("HISTORY", str(breach))
