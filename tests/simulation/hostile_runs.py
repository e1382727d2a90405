"""python -m tests.simulation.hostile_runs --handlers 10000: runs hostile worlds until that many hostile handlers were called.

Prints the habits that acted, and how the sagas ended; fails if an invariant broke. `--tell SEED` prints the story of one seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from tests.bad_input.hostility import ERRORS, HABITS, REJECTIONS, RESULTS
from tests.simulation.worlds.hostile import run_hostile_seed

PART_SEEDS: Final = 20
HABITS_OFFERED: Final = len(ERRORS) + len(HABITS) + len(REJECTIONS) + len(RESULTS)


@dataclass(slots=True)
class Tally:
    """Counts over seeds; those of several processes can be added."""

    seeds: int = 0
    handlers: int = 0
    habits: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def merge(self, other: Tally) -> None:
        self.seeds += other.seeds
        self.handlers += other.handlers
        self.habits += other.habits
        self.outcomes += other.outcomes
        self.failures += other.failures

    def text(self) -> str:
        ends = ", ".join(f"{count:,} {name}" for name, count in sorted(self.outcomes.items()))
        return (
            f"{self.seeds:,} worlds, {self.handlers:,} hostile handlers with {len(self.habits)} of {HABITS_OFFERED} habits; "
            f"{self.outcomes.total():,} sagas: {ends}"
        )


def run_hostile(seeds: Iterable[int]) -> Tally:
    """Runs seeds one after another."""
    tally = Tally()
    for seed in seeds:
        found = run_hostile_seed(seed)
        tally.seeds += 1
        tally.handlers += found.handlers
        tally.habits += found.habits
        tally.outcomes += found.report.outcomes
        if found.report.violation:
            tally.failures.append(f"seed {seed}: {found.report.violation} {found.report.text}")
    return tally


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.hostile_runs", description=__doc__)
    parser.add_argument("--handlers", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--tell", type=int, help="tell the story of this seed")
    options = parser.parse_args(arguments)
    if options.tell is not None:
        report = run_hostile_seed(options.tell, telling=True).report
        say(f"seed {report.seed}: {report.violation} {report.text}", *map(_told, report.story))
        return 0
    began, tally, first = time.monotonic(), Tally(), options.first
    with ProcessPoolExecutor(options.workers) as pool:
        while tally.handlers < options.handlers:
            parts = [range(first + n * PART_SEEDS, first + (n + 1) * PART_SEEDS) for n in range(options.workers)]
            first = parts[-1].stop
            for found in pool.map(run_hostile, parts):
                tally.merge(found)
    say(tally.text(), f"{time.monotonic() - began:.0f} s", *tally.failures)
    return 1 if tally.failures else 0


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _told(line: tuple[float, str]) -> str:
    return f"{line[0]:9.3f} s  {line[1]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
