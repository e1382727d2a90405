"""A fleet of two builds in simulated worlds: nothing is lost, and no saga that every build knows waits because of the others."""

from __future__ import annotations

from collections import Counter

import pytest

from saga.ports.values.claim import Claim
from tests.simulation.worlds.two_builds import NOBODY, Gap, run_two_builds_seed


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
    assert met[NOBODY] > 20


def test_an_input_that_nobody_reads_after_a_call_is_noticed_without_its_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """G136: another build has called before."""
    monkeypatch.setattr(Claim, "is_first_to_begin", True)

    assert run_two_builds_seed(94).report.violation == "I9"


def test_a_world_of_two_builds_is_the_same_run_twice() -> None:
    first, second = run_two_builds_seed(3), run_two_builds_seed(3)

    assert first.report.trace == second.report.trace
    assert first.met == second.met
