"""Durable functions: a turn is told results in a recorded order and asks for more steps.

Two processes run turns; each may keep the live coroutine. The steps asked for are transactional, or journaled: their effect may
be made before it is reported, and after the rollback began unless a tombstone is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

FAULTS: Final = ("cancel", "reject", "crash", "pause", "deploy")
CANCEL, REJECT, CRASH, PAUSE, DEPLOY = range(5)
KEYS: Final = (
    "turn_newest", "grow_running", "turn_again", "turn_wakes", "fn_cache", "fn_replay", "fn_order", "fn_return", "fn_retract",
)  # fmt: skip

Seen = tuple[tuple[int, str], ...]  # results in the order in which a coroutine was told them: step and letter


class Asked(NamedTuple):
    """A step that was asked for, in which turn."""

    name: str
    turn: int


class Told(NamedTuple):
    """A result that was told, in which turn."""

    step: int
    turn: int
    letter: str


class Coroutine(NamedTuple):
    """A live coroutine: the results it was told, and the names of the steps it has asked for."""

    seen: Seen
    asked: tuple[str, ...]


class Outcome(NamedTuple):
    """The end of a turn, before it is recorded. `differs`: a replay asked for other steps than those recorded."""

    size: int  # how many steps had been asked for
    new: tuple[int, ...]  # the steps whose results were told
    asks: tuple[str, ...]
    retracts: tuple[int, ...]
    end: str
    differs: bool
    seen: Seen
    code: int


class Worker(NamedTuple):
    """A process that runs the turn; without an outcome, it has only claimed it."""

    process: int
    newest: bool
    outcome: Outcome | None


class World(NamedTuple):
    """One state: the saga row with what was asked and told, the effects, the turn's command and its workers."""

    phase: str
    turn: str  # D due or runs, P blocked, S returned, R raised, N given up, d quarantined, V void, ! not what a replay asks for
    cancel: bool
    vector: str
    memory: str  # of each step: - none, X executed, T tombstone, Z undone
    asked: tuple[Asked, ...]
    told: tuple[Told, ...]
    effects: tuple[int, ...]
    undone: tuple[int, ...]
    command: str  # - none, q queued, c claimed
    workers: tuple[Worker, ...]
    coroutines: tuple[Coroutine | None, ...]  # of each process
    code: int  # the version of the code that is deployed
    budget: tuple[int, ...]  # remaining faults, in the order of FAULTS


@dataclass(frozen=True)
class Config:
    """One exploration. `journaled`: the names of journaled steps. `weaker`: a rule in the place of a stronger one."""

    name: str
    program: str
    journaled: str = ""
    weaker: str = ""
    without: str = ""
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def budget(self) -> tuple[int, ...]:
        return tuple(self.faults.get(fault, 0) for fault in FAULTS)
