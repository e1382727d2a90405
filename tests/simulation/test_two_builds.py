"""A fleet of two builds in simulated worlds: nothing is lost, and no saga that every build knows waits because of the others."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.worlds.two_builds import Gap, run_two_builds_seed


def prove(seeds: range) -> Counter[str]:
    """Tests that no invariant breaks in these seeds. Returns the claims of the old build that it did not know whole."""
    met: Counter[str] = Counter()
    failures = []
    for seed in seeds:
        found = run_two_builds_seed(seed)
        met += found.met
        if found.report.violation:
            failures.append(f"seed {seed}: {found.report.violation} {found.report.text}")
    assert not failures, "\n".join(failures)
    return met


def test_a_few_worlds_of_two_builds() -> None:
    prove(range(4))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_worlds_of_two_builds() -> None:
    met = prove(range(4, 104))

    assert {gap.value: met[gap.value] > 400 for gap in Gap} == {gap.value: True for gap in Gap}


def test_a_world_of_two_builds_is_the_same_run_twice() -> None:
    first, second = run_two_builds_seed(3), run_two_builds_seed(3)

    assert first.report.trace == second.report.trace
    assert first.met == second.met
