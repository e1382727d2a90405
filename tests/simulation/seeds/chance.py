"""Every random decision of a seed.

Each place has a stream of its own, so that removing one fault leaves the draws at other places unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

DROP: Final = "drop"
DUPLICATE: Final = "duplicate"
REORDER: Final = "reorder"
DELAY: Final = "delay"
CRASH: Final = "crash at a boundary"
UNKNOWN: Final = "unknown commit"
LOST: Final = "lost connection"
SLOW: Final = "slow store"
FROZEN: Final = "frozen process"
STALE: Final = "stale supervisor"
CLOCK: Final = "clock jump"
REJECTION: Final = "rejection"
FAILURE: Final = "technical failure"
EXHAUSTED: Final = "exhausted compensation"
OPERATOR: Final = "operator action"
DATABASE: Final = "database crash"
OUTAGE: Final = "outage of every leader"
"""Only in worlds of sagas that wait."""
KINDS: Final = (
    DROP, DUPLICATE, REORDER, DELAY, CRASH, UNKNOWN, LOST, SLOW, FROZEN, STALE, CLOCK, REJECTION, FAILURE, EXHAUSTED,
    OPERATOR, DATABASE,
)  # fmt: skip


class Injected(NamedTuple):
    """A fault that happened. `place` identifies it in the schedule, and is the same in every run of the seed."""

    name: str
    kind: str


class Drawn(NamedTuple):
    """A fault that was drawn: its kind, its name, and a number in [0, 1) for its size."""

    kind: str
    what: str
    share: float


Menu = Sequence[tuple[str, str, float]]
"""The faults that are possible at a place: (kind, name, probability)."""


@dataclass(frozen=True, slots=True)
class Edits:
    """The parts of a seed's schedule that are removed, by name."""

    faults: frozenset[str] = frozenset()
    sagas: frozenset[int] = frozenset()


WHOLE: Final = Edits()


class Chance:
    """Draws, and records the draws."""

    def __init__(self, seed: int, edits: Edits) -> None:
        self.seed = seed
        self.injected: list[Injected] = []
        self.counts: Counter[str] = Counter()
        self.points: Counter[str] = Counter()
        self.is_over = False  # faults have stopped
        self._edits = edits
        self._streams: dict[str, Random] = {}
        self._numbers: Counter[str] = Counter()

    def stream(self, place: str) -> Random:
        """The random numbers of a place."""
        stream = self._streams.get(place)
        if stream is None:
            stream = self._streams[place] = Random(f"{self.seed}/{place}")  # noqa: S311 (not a secret)
        return stream

    def draw(self, place: str, menu: Menu) -> Drawn | None:
        """Returns the fault that happens at this place now, or None."""
        number = self.stream(place).random()
        self._numbers[place] += 1
        low = 0.0
        for kind, what, probability in menu:
            if number < low + probability:
                return self._inject(place, Drawn(kind, what, (number - low) / probability))
            low += probability
        return None

    def _inject(self, place: str, drawn: Drawn) -> Drawn | None:
        name = f"{place} #{self._numbers[place]}: {drawn.what}"
        if self.is_over or name in self._edits.faults:
            return None
        self.count(name, drawn.kind)
        return drawn

    def planned(self, name: str, kind: str) -> bool:
        """Tells whether a fault that was planned in advance happens."""
        if self.is_over or name in self._edits.faults:
            return False
        self.count(name, kind)
        return True

    def count(self, name: str, kind: str) -> None:
        self.injected.append(Injected(name, kind))
        self.counts[kind] += 1
