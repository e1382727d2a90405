"""python -m tests.simulation --seeds A-B|N [--workers 2] [--tell]: runs seeds, prints their counts; a failing seed is shrunk and told."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from tests.simulation.counts import Table
from tests.simulation.runs import failures_in_words, run_part
from tests.simulation.seeds.chance import Edits
from tests.simulation.seeds.retractions import FIRST_RETRACTING_SEED
from tests.simulation.seeds.waits import FIRST_SEED
from tests.simulation.shrink import story
from tests.simulation.worlds.world import Report

PART_SEEDS: Final = 25
WAITING_PART: Final = 24


def parts(seeds: range) -> Iterator[range]:
    """The parts of these seeds. Each 24th part is followed by one of sagas that wait, and one of steps that are undone alone."""
    for part, first in enumerate(range(seeds.start, seeds.stop, PART_SEEDS)):
        yield range(first, min(first + PART_SEEDS, seeds.stop))
        if part % WAITING_PART == WAITING_PART - 1 and seeds.start < FIRST_SEED:
            place = first // WAITING_PART
            yield range(FIRST_SEED + place, FIRST_SEED + place + PART_SEEDS)
            yield range(FIRST_RETRACTING_SEED + place, FIRST_RETRACTING_SEED + place + PART_SEEDS)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", default="2000", help="how many, or from-to")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tell", action="store_true", help="tell the story of the one seed, as it is")
    options = parser.parse_args(arguments)
    seeds = range_of(options.seeds)
    if options.tell:
        say(story(seeds.start, Edits()))
        return 0
    began = time.monotonic()
    table, failed = Table(), []
    with ProcessPoolExecutor(options.workers) as pool:
        for found, bad in pool.map(run_part, parts(seeds)):
            table.merge(found)
            failed += bad
    seconds = time.monotonic() - began
    say(table.text())
    say(f"\n{seconds:.0f} s, {table.seeds / seconds:.0f} seeds/s on {options.workers} workers")
    return judge(table, failed)


def judge(table: Table, failed: list[Report]) -> int:
    """Prints the failures and the missing counts; returns the exit status."""
    missing = list(table.shortfalls())
    for line in missing:
        say(f"too rare: {line}")
    if failed:
        say(failures_in_words(failed))
    return 1 if failed or missing else 0


def range_of(text: str) -> range:
    """Reads "100" as 0 to 99, and "5-9" as 5 to 9."""
    first, dash, last = text.partition("-")
    return range(int(first), int(last) + 1) if dash else range(int(first))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
