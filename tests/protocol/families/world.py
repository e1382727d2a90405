"""Parents and child sagas: two or three rows. A child's row is the journal of the parent's step.

Plain steps are transactional and atomic here: the model of commands explores what they need. A process claims a child step,
makes one transaction on the child's row and one on the parent's; it may die in between or be suspended beyond its lease, and
wake-ups may be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.protocol.families.trees import TREES, Saga

FAULTS: Final = ("cancel", "reject", "crash", "pause", "lose", "abandon", "purge", "retract")
CANCEL, REJECT, CRASH, PAUSE, LOSE, ABANDON, PURGE, RETRACT = range(8)
ENDS: Final = "DZX"
KEYS: Final = (
    "child_id", "child_tombstone", "child_held", "child_release", "child_only_parent", "child_awaited", "child_ongoing",
    "child_poll", "held_poll", "child_purge", "child_gone", "child_abandoned", "held_abandon", "freeze_running",
    "freeze_held", "freeze_order",
)  # fmt: skip


class Row(NamedTuple):
    """A saga. Phases: those of the saga row, and - not there, . purged, H held."""

    phase: str
    vector: str
    cancel: bool


class Worker(NamedTuple):
    """A process with the command of a child step.

    Orders: E run, O void or report, C roll back, F freeze. Stages: c claimed; then what it will report: P nothing yet, park;
    k executed, f rejected, v voided, d compensated, z compensated before the freeze, x abandoned, b a person must help.
    """

    saga: int
    step: int
    order: str
    stage: str
    newest: bool


class World(NamedTuple):
    """One state of a whole family."""

    rows: tuple[Row, ...]
    effects: tuple[tuple[int, ...], ...]
    undone: tuple[tuple[int, ...], ...]
    commands: tuple[tuple[tuple[int, int], str], ...]  # per child step: - to be claimed, c claimed, p parked
    workers: tuple[Worker, ...]
    messages: tuple[
        int, ...
    ]  # a saga whose parent's step is to be woken; negative: a child to be told of the end above
    budget: tuple[int, ...]  # remaining faults, in the order of FAULTS


@dataclass(frozen=True)
class Config:
    """One exploration. `handled`: (saga, step) whose rejection is handled. Budget `retract`: how often a child step is."""

    name: str
    tree_name: str
    handled: tuple[tuple[int, int], ...] = ()
    without: str = ""
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def tree(self) -> tuple[Saga, ...]:
        return TREES[self.tree_name]

    @property
    def budget(self) -> tuple[int, ...]:
        return tuple(self.faults.get(fault, 0) for fault in FAULTS)
