"""Schedules: leaders, people and a clock beside the row of one schedule, and the sagas that it has started.

Moments are numbered from 1; the row has the next one. A leader reads the row, and writes later what it has decided.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

FAULTS: Final = ("crash", "edit", "back")
CRASH, EDIT, BACK = range(3)


class Leader(NamedTuple):
    """The row as a leader has read it. Stages: r read; n it has moved the row on, and starts next (only without `one_commit`)."""

    stage: str
    version: int
    moment: int
    running: int
    edition: int


class Fill(NamedTuple):
    """A person fills in a moment. Stages: s not begun; l has looked at what runs."""

    moment: int
    stage: str
    running: int


class World(NamedTuple):
    """One state. `starts`: the keys of the sagas with their moments, in order; `running`: how many of them have not ended."""

    clock: int
    version: int
    edition: int  # how often a person has edited the schedule
    next: int
    paused: bool
    starts: tuple[tuple[str, int], ...]
    missed: frozenset[int]
    running: int
    leaders: tuple[Leader | None, Leader | None]
    fills: tuple[Fill, ...]
    budget: tuple[int, ...]  # remaining faults, in the order of FAULTS


@dataclass(frozen=True)
class Config:
    """One exploration.

    `catches_up`: which of the moments that were missed are started, all or the last. `skips`: a moment is missed while the run
    before goes on. `fills`: how many moments a person fills in. `zones_differ`: the second leader has other time-zone data.
    """

    name: str
    moments: int = 2
    catches_up: str = "all"
    skips: bool = False
    fills: int = 0
    zones_differ: bool = False
    without: str = ""
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def budget(self) -> tuple[int, ...]:
        return tuple(self.faults.get(fault, 0) for fault in FAULTS)

    def has(self, guard: str) -> bool:
        return self.without != guard
