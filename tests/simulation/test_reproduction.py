"""A seed is a world: the same one in every run and in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.one_seed import run_seed

ROOT = Path(__file__).parents[2]
SEEDS = (1, 12, 31, 1_000_002)
PROGRAM = "from tests.simulation.one_seed import run_seed; print(*[run_seed(seed).trace for seed in {seeds}])"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_is_the_same_run_twice(seed: int) -> None:
    first, second = run_seed(seed), run_seed(seed)

    assert first.trace == second.trace
    assert first.injected == second.injected


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_is_the_same_run_in_another_process(hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(seeds=SEEDS)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert done.stdout.split() == [run_seed(seed).trace for seed in SEEDS]


def test_two_seeds_are_two_runs() -> None:
    assert run_seed(1).trace != run_seed(2).trace
