"""Growth by maps: A, then the maps beside each other, then J. A map appends one copy for each of its items.

The copies stand behind the static steps in the vector. A map is pending before its turn and again while its copies run;
it has succeeded when they are finished. J and the copies are transactional, or journaled: then their effect may be made
before it is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

CANCEL, REJECT, CRASH, PAUSE = range(4)
FAULTS: Final = ("cancel", "reject", "crash", "pause")
STATIC: Final = (-1, 0)  # the origin of a step that is not a copy


class Worker(NamedTuple):
    """A process that runs a map. Stages: c claimed, g has read the items. `place`: the length of the vector it has read."""

    number: int  # of the map
    newest: bool
    stage: str
    place: int


class World(NamedTuple):
    """One state: the saga row, the effects, the commands of the maps and their workers."""

    phase: str
    vector: str
    origins: tuple[tuple[int, int], ...]  # of each step: the map of which it is a copy, and the item
    grown: tuple[bool, ...]  # of each map
    memory: str  # of each step: - none, X executed, T tombstone, Z undone
    effects: tuple[int, ...]
    undone: tuple[int, ...]
    commands: str  # of each map: - none, q queued, c claimed
    workers: tuple[Worker, ...]
    budget: tuple[int, ...]  # remaining faults, in the order of FAULTS


@dataclass(frozen=True)
class Config:
    """One exploration. `items`: how many each map has. `handled`: rejections of copies are handled."""

    name: str
    items: tuple[int, ...]
    journaled: bool = False
    handled: bool = False
    without: str = ""
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def budget(self) -> tuple[int, ...]:
        return tuple(self.faults.get(fault, 0) for fault in FAULTS)
