"""`python -m tests.history`: which share of the alterations of each kind the checker finds, over 2,000 random histories."""

from __future__ import annotations

import sys
from collections import Counter
from random import Random
from typing import Final

from tests.history.alteration import ALTERATIONS, altered
from tests.history.decided import decided
from tests.history.handwritten import findings

HISTORIES: Final = 2_000


def main() -> None:
    made, found, missed = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    for seed in range(HISTORIES):
        rng = Random(seed)  # noqa: S311 (which histories, not secrets)
        saga = decided(rng)
        recorded = saga.chronicle()
        for alter in ALTERATIONS:
            notes = alter(rng, recorded)
            if notes is None:
                continue
            made[alter.__name__] += 1
            if findings(saga.graph, altered(recorded, notes)):
                found[alter.__name__] += 1
            else:
                gone = set(recorded.transitions) - set(notes)
                missed[alter.__name__, ", ".join(sorted({note.kind for note in gone}))] += 1
    for name, count in made.items():
        sys.stdout.write(f"{name:18} {found[name]:5} of {count:5} found, {100 * found[name] / count:5.1f} %\n")
    for (name, kinds), count in missed.most_common(20):
        sys.stdout.write(f"missed: {name}: {kinds}: {count}\n")


if __name__ == "__main__":
    main()
