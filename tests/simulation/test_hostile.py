"""Hostile handlers in simulated worlds: no saga is lost, every invariant holds, and no healthy saga is disturbed."""

from __future__ import annotations

import pytest

from tests.simulation.hostile_runs import HABITS_OFFERED, Tally, run_hostile
from tests.simulation.worlds.hostile import run_hostile_seed


def prove(seeds: range, handlers: int) -> Tally:
    """Tests that no invariant breaks in these seeds, and that they call at least this many hostile handlers."""
    tally = run_hostile(seeds)
    assert not tally.failures, "\n".join(tally.failures)
    assert tally.handlers >= handlers, tally.text()
    return tally


def test_a_few_hostile_worlds() -> None:
    prove(range(4), handlers=15)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_hostile_worlds() -> None:
    tally = prove(range(4, 104), handlers=600)

    assert set(tally.outcomes) >= {"completed", "compensated", "stuck"}
    assert len(tally.habits) > 0.72 * HABITS_OFFERED  # the seeds draw at random: most habits, and not always the same


@pytest.mark.parametrize("seed", [425, 459, 805, 877, 893, 1231])
def test_a_hostile_world_that_once_broke_a_rule_keeps_it(seed: int) -> None:
    """425 to 893: a handler that cancelled its own task left no outcome. 1231: an abandonment without its fence (G135)."""
    prove(range(seed, seed + 1), handlers=1)


def test_a_hostile_world_is_the_same_run_twice() -> None:
    first, second = run_hostile_seed(3), run_hostile_seed(3)

    assert first.report.trace == second.report.trace
    assert first.habits == second.habits
