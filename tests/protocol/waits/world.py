"""Waits for events and timers: A, then waits in a row or beside each other, with an inbox and senders.

Senders work in transactions of their own that may stay open: others see what they insert only after their commit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

FAULTS: Final = ("cancel", "crash", "pause", "lose")
CANCEL, CRASH, PAUSE, LOSE = range(4)


class Sender(NamedTuple):
    """Stages: s not begun, i inserted, w committed and about to wake; l holds locks (only without `wake_after`)."""

    event: int
    stage: str
    locked: tuple[int, ...]


class Worker(NamedTuple):
    """A process that has claimed the command of a wait.

    Stages: c claimed, e has found an event, t has found its time over, n has found nothing; without `consume_tx`, x is about to
    consume an event, y has consumed it.
    """

    wait: int
    stage: str
    event: int
    newest: bool


class World(NamedTuple):
    """One state: the saga row, the commands of the waits, the inbox, senders and workers."""

    phase: str
    vector: str  # step 0 is A, step n + 1 is wait n
    paused: bool
    commands: str  # of each wait: - none, q due, c claimed, p parked
    late: tuple[bool, ...]  # of each wait: its time is over
    inbox: str  # of each event: - not there, u uncommitted, v visible
    taken: tuple[int, ...]  # of each event: the wait that has consumed it, -1 if none has
    got: str  # of each wait: - no outcome, the number of an event, t timed out
    senders: tuple[Sender, ...]
    workers: tuple[Worker, ...]
    budget: tuple[int, ...]  # remaining faults, in the order of FAULTS


@dataclass(frozen=True)
class Config:
    """One exploration.

    `waits`: the names that each wait listens to. `events`: the name of each event; `copies`: how often it is sent.
    `timeouts`: the waits that have one. `polls`: parked commands become due by time.
    """

    name: str
    waits: tuple[str, ...] = ("x",)
    events: tuple[str, ...] = ("x",)
    parallel: bool = False
    copies: tuple[int, ...] = ()
    timeouts: tuple[int, ...] = ()
    polls: bool = False
    without: str = ""
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def budget(self) -> tuple[int, ...]:
        return tuple(self.faults.get(fault, 0) for fault in FAULTS)
