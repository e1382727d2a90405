"""`python -m tests.mutants [--only G07] [--seeds 2000]`: find seeds that kill each mutant, and write docs/reference/guards.md."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.mutants.guard import GUARDS, KILLS_WANTED, Guard
from tests.mutants.record import read_kills, write_kills, write_page
from tests.mutants.trial import Kill, kills


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", action="append", help="this guard, as in G07; may be given several times")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many are tried beside those that are recorded")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    chosen = [guard for guard in GUARDS if not options.only or guard.number in options.only]
    recorded = read_kills()

    def hunted(guard: Guard) -> tuple[Guard, list[Kill], list[str]]:
        known = [kill.seed for kill in recorded.get(guard.number, [])]
        return guard, *kills(guard, known, guard.seeds(options.seeds), KILLS_WANTED)

    alive = []
    with ThreadPoolExecutor(options.workers) as pool:
        for done in as_completed([pool.submit(hunted, guard) for guard in chosen]):
            guard, found, others = done.result()
            recorded[guard.number] = found
            shown = ", ".join(f"{kill.seed} ({kill.invariant})" for kill in found) or "-"
            sys.stdout.write(f"{guard.number}: killed by {shown}; otherwise {len(others)}: {others[:1]}\n")
            sys.stdout.flush()
            if len(found) < KILLS_WANTED:
                alive.append(guard.number)
            write_kills(recorded)
            write_page(recorded)
    if alive:
        sys.stdout.write(f"alive, or killed by fewer than {KILLS_WANTED} seeds: {', '.join(alive)}\n")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
