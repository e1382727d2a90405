"""`python -m tests.mutants.hunt 5,12 0-400 3` runs these seeds, then others until three break an invariant, a JSON line each.

It runs the `saga` that is first on the path: a copy without a guard.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import saga
from tests.mutants.guard import TWO_BUILDS
from tests.simulation.one_seed import run_seed
from tests.simulation.worlds.two_builds import run_two_builds_seed
from tests.simulation.worlds.world import Report

SEED_SECONDS_MAX: Final = 10
HUNT_SECONDS_MAX: Final = 240.0
INVARIANTS: Final = frozenset(
    {
        "I1",
        "I2",
        "I3",
        "I4",
        "I5",
        "I6",
        "I7",
        "I8",
        "I9",
        "I11",
        "I12",
        "HISTORY",
        "L1",
        "L2",
        "ONCE",
        "QUIET",
        "BRANCH",
        "W1",
        "W3",
        "W4",
        "W5",
    }
)


def main(known: str, others: str, wanted: int) -> None:
    began, killed = time.monotonic(), 0
    say({"saga": str(Path(saga.__file__).parent)})
    for seed in seeds(known, others):
        if killed >= wanted or time.monotonic() - began > HUNT_SECONDS_MAX:
            return
        found = broken(seed)
        killed += found["invariant"] in INVARIANTS
        if found["invariant"]:
            say(found)


def seeds(known: str, others: str) -> Iterator[int]:
    first = [int(seed) for seed in known.split(",") if seed]
    yield from first
    low, _, high = others.partition("-")
    if high:
        yield from (seed for seed in range(int(low), int(high)) if seed not in first)


def run_world(seed: int) -> Report:
    """Runs the world of a seed: those from `TWO_BUILDS` on are worlds of two builds."""
    return run_seed(seed) if seed < TWO_BUILDS else run_two_builds_seed(seed - TWO_BUILDS).report


def broken(seed: int) -> dict[str, object]:
    """Returns the invariant that this seed breaks. An exception or a timeout is not an invariant."""
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(SEED_SECONDS_MAX)
    try:
        report = run_world(seed)
    except Exception as error:  # noqa: BLE001 (a mutant may raise anything)
        return {"seed": seed, "invariant": type(error).__name__, "text": str(error)}
    finally:
        signal.alarm(0)
    return {"seed": seed, "invariant": report.violation, "text": report.text}


def _out_of_time(_: int, __: object) -> None:
    raise TimeoutError(f"not within {SEED_SECONDS_MAX} s")


def say(line: object) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
