"""python -m tests.protocol [TEXT] explores every configuration whose name holds TEXT; some minutes for all of them."""

from __future__ import annotations

import sys
import time

from tests.protocol.explorer import explore
from tests.protocol.suites import WHOLE


def main(text: str) -> int:
    violations = states = moves = 0
    began = time.monotonic()
    for config in WHOLE:
        if text in config.name:
            result = explore(config)
            states, moves = states + result.states, moves + result.moves
            violations += bool(result.violation)
            say(f"{config.name:<36} {result.states:>9,} states {result.moves:>10,} moves")
            if result.violation:
                say(result.story())
    say(f"{states:,} states, {moves:,} moves, {time.monotonic() - began:.0f} s, violations: {violations}")
    return min(violations, 1)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
