"""Without any one of its guards, the product breaks an invariant in a seed of the simulation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.mutants.guard import GUARDS, HERE, KILLS_WANTED, Guard
from tests.mutants.hunt import run_world
from tests.mutants.record import PAGE, page, read_kills
from tests.mutants.trial import Kill, kills

AT_ONCE = 2
KILLS = read_kills()
AGAIN = "a guard or the simulation has changed: `make mutants` finds seeds again"

Trial = Future[tuple[list[Kill], list[str]]]


def test_every_guard_of_the_protocol_has_a_patch() -> None:
    numbers = {guard.number for guard in GUARDS}

    assert numbers == {f"G{number:02}" for number in (*range(1, 54), *range(55, 66), 135, 136)}
    assert {path.stem for path in HERE.glob("*.patch")} == numbers


def test_every_mutant_is_killed_by_three_seeds() -> None:
    assert [guard.number for guard in GUARDS if len(KILLS.get(guard.number, [])) < KILLS_WANTED] == []


def test_the_page_of_guards_is_what_was_recorded() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(KILLS)


def test_the_product_keeps_every_invariant_in_the_recorded_seeds() -> None:
    seeds = sorted({kill.seed for found in KILLS.values() for kill in found})

    assert {seed: report.text for seed in seeds if (report := run_world(seed)).violation} == {}


@pytest.fixture(scope="module")
def trials() -> Iterator[dict[str, Trial]]:
    """The first recorded seed of each, on both processors."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {guard.number: pool.submit(kills, guard, _first_seed(guard), range(0), 1) for guard in GUARDS}


@pytest.mark.slow
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.number)
def test_the_first_recorded_seed_kills_the_mutant_by_name(guard: Guard, trials: dict[str, Trial]) -> None:
    found, _ = trials[guard.number].result()

    assert found == KILLS.get(guard.number, [])[:1], AGAIN


def _first_seed(guard: Guard) -> list[int]:
    return [kill.seed for kill in KILLS.get(guard.number, [])[:1]]
