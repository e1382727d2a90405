"""`python -m tests.protocol [TEXT]` explores every configuration whose name has this text; `--guard G60` tells what happens without it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from tests.protocol.case import Case, Part
from tests.protocol.catalog import PARTS
from tests.protocol.explorer import explore


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.protocol", description=__doc__)
    parser.add_argument(
        "text", nargs="?", default="", help="a part of `<model>: <configuration>`; all of them without it"
    )
    parser.add_argument("--guard", help="this guard, as in G60: the story of every case without it")
    options = parser.parse_args(arguments)
    if options.guard:
        return tell(options.guard)
    return explore_all(options.text)


def explore_all(text: str) -> int:
    configurations = violations = states = moves = 0
    began = time.monotonic()
    for part in PARTS:
        for config in part.configs:
            name = f"{part.name}: {config.name}"
            if text not in name:
                continue
            result = explore(part.make(config))
            configurations, states, moves = configurations + 1, states + result.states, moves + result.moves
            violations += bool(result.violation)
            ends = ", ".join(f"{end} {count:,}" for end, count in sorted(result.ends.items()))
            say(f"{name:<56} {result.states:>9,} states {result.moves:>10,} moves  {ends}")
            if result.violation:
                say(result.story())
    seconds = time.monotonic() - began
    say(
        f"{configurations} configurations, {states:,} states, {moves:,} moves, {seconds:.0f} s, violations: {violations}"
    )
    return min(violations, 1)


def tell(guard: str) -> int:
    """Prints the counterexamples without this guard; returns 1 if there are none."""
    told = 0
    for part, case in cases():
        if case.guard == guard:
            say(f"{explore(part.make(case.config)).story()}\n")
            told += 1
    return 0 if told else 1


def cases() -> Iterator[tuple[Part, Case]]:
    for part in PARTS:
        for case in part.cases:
            yield part, case


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
