"""Runs the world of a seed.

Those from `FIRST_SEED` on are worlds of sagas that wait, those from `FIRST_RETRACTING_SEED` on of single steps that are undone.
"""

from __future__ import annotations

from saga.testing.clocks.virtual_loop import VirtualLoop
from tests.simulation.retractions.retracting_world import RetractingWorld
from tests.simulation.seeds.chance import WHOLE, Chance, Edits
from tests.simulation.seeds.plan import plan_of
from tests.simulation.seeds.retractions import FIRST_RETRACTING_SEED
from tests.simulation.seeds.waits import FIRST_SEED
from tests.simulation.waits.waiting_world import WaitingWorld
from tests.simulation.worlds.process_state import seeded, silenced
from tests.simulation.worlds.world import Report, World


def run_seed(seed: int, edits: Edits = WHOLE, *, telling: bool = False) -> Report:
    """Runs the world of a seed to its end, or to the first broken invariant. The same seed gives the same report, everywhere."""
    loop = VirtualLoop()
    with silenced() as complaints, seeded(seed):
        world = _world(loop, seed, edits)
        if telling:
            world.observer.story = []
        try:
            world.run()
            for complaint in complaints:
                world.observer.broken("LOOP", complaint)
        finally:
            loop.end()
    return world.report()


def _world(loop: VirtualLoop, seed: int, edits: Edits) -> World:
    if seed >= FIRST_RETRACTING_SEED:
        return RetractingWorld(loop, seed, edits)
    if seed >= FIRST_SEED:
        return WaitingWorld(loop, seed, edits)
    return World(loop, plan_of(seed), Chance(seed, edits), edits)
