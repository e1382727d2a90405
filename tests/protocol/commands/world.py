"""The state space of the model checker: the world of one saga, and the bounds of an exploration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tests.protocol.changes import with_count
from tests.protocol.commands.replaced import PRODUCTION, Mutant

SHAPES: Final[dict[str, tuple[tuple[int, ...], ...]]] = {  # the predecessors of every step
    "chain3": ((), (0,), (1,)),
    "chain4": ((), (0,), (1,), (2,)),
    "par3": ((), (0,), (0,)),  # A -> (B || C)
    "diamond": ((), (0,), (0,), (1, 2)),  # A -> (B || C) -> D
    "vee3": ((), (), (0, 1)),  # (A || B) -> C
    "race3": ((), (), (0, 1)),  # the same, for joins; its branches are not taken for symmetric
    "fork4": ((), (0,), (0,), (1, 2)),  # A -> (B || C) -> D
    "zig4": ((), (), (0,), (1, 2)),  # A -> C -> D, B -> D
    "vote4": ((), (), (), (0, 1, 2)),  # (A || B || C) -> D
    "both4": ((), (), (0, 1), (2,)),  # (A || B) -> C -> D
}
MIRRORS: Final = {
    "par3": (1, 2),
    "diamond": (1, 2),
    "vee3": (0, 1),
}  # branches that are symmetric
NAMES: Final = "ABCDE"

# Letters of Phase, as the saga row stores them.
RUNNING, COMPENSATING, ABANDONING, COMPLETED, COMPENSATED, ABANDONED = "RCADZX"
TERMINAL: Final = "DZX"
OPERATIONS: Final = "ECO"  # execute, compensate, void or report
NEVER: Final = "n"
UNBEGUN: Final = "b"
CLAIMLESS: Final = NEVER + UNBEGUN + "-"
COPIES_MAX: Final = "2"  # of one command on the bus
WORKERS_MAX: Final = 2  # on one command

FAULTS: Final = (
    "loss", "replay", "crash", "cancel", "reject", "exhaust", "abandon", "failover", "late", "pause", "fail", "retract", "misfit",
)  # fmt: skip
LOSS, REPLAY, CRASH, CANCEL, REJECT, EXHAUST, ABANDON, FAILOVER, LATE, PAUSE, FAIL, RETRACT, MISFIT = range(len(FAULTS))


class Row(NamedTuple):
    """The saga row as a writer read it before its decision."""

    version: int
    phase: str
    vector: str
    cancel: bool
    paused: bool


class Worker(NamedTuple):
    """A worker that runs a command.

    Stages: c claimed, y call in flight and nobody waits for its answer, p q probing (while claims live / none lives);
    and with a report to write: k executed, f rejected, v voided, d compensated, a absent. `is_first`: no claim of the step has begun
    before this one; False where inputs always fit.
    """

    command: int
    stage: str
    newest: bool
    row: Row | None
    is_first: bool = False


class Previous(NamedTuple):
    """The state that a failover falls back to when it loses the last commit."""

    phase: str
    vector: str
    cancel: bool
    paused: bool
    claims: str
    effects: tuple[int, ...]
    undone: tuple[int, ...]


class World(NamedTuple):
    """One state of everything: the saga row, the services, the bus, and the workers."""

    phase: str
    vector: str
    cancel: bool
    paused: bool
    overdue: bool
    effects: tuple[int, ...]
    undone: tuple[int, ...]
    memory: (
        str  # journal or provider: - none, X executed, F rejected, T tombstone, Z compensated, A executed and frozen
    )
    claims: str  # the operation of the live claim of each step, - if there is none, n if there never was one, b if none has begun
    bus: str  # the number of copies of each command under way
    sent: int  # the commands that were ever sent, as bits
    workers: tuple[Worker, ...]
    undecided: tuple[Row | None, ...]  # supervisors and people who have read the row and want to roll back
    budget: tuple[int, ...]  # remaining faults, in the order of FAULTS
    skipped: tuple[int, ...]  # steps whose condition is false
    purged: bool
    previous: Previous | None
    version: int
    retracted: tuple[int, ...]  # for the invariants: steps that were retracted,
    cut: tuple[tuple[int, int], ...]  # and their edges to joins that did not count them


class Sketch:
    """A world while a transition changes it."""

    __slots__ = World._fields
    phase: str
    vector: str
    cancel: bool
    paused: bool
    overdue: bool
    effects: tuple[int, ...]
    undone: tuple[int, ...]
    memory: str
    claims: str
    bus: str
    sent: int
    workers: tuple[Worker, ...]
    undecided: tuple[Row | None, ...]
    budget: tuple[int, ...]
    skipped: tuple[int, ...]
    purged: bool
    previous: Previous | None
    version: int
    retracted: tuple[int, ...]
    cut: tuple[tuple[int, int], ...]

    def __init__(self, world: World) -> None:
        (
            self.phase, self.vector, self.cancel, self.paused, self.overdue, self.effects, self.undone, self.memory,
            self.claims, self.bus, self.sent, self.workers, self.undecided, self.budget, self.skipped, self.purged,
            self.previous, self.version, self.retracted, self.cut,
        ) = world  # fmt: skip

    def world(self) -> World:
        return World(
            self.phase, self.vector, self.cancel, self.paused, self.overdue, self.effects, self.undone, self.memory,
            self.claims, self.bus, self.sent if self.budget[REPLAY] else 0, self.workers, self.undecided, self.budget,
            self.skipped, self.purged, self.previous, self.version, self.retracted, self.cut,
        )  # fmt: skip

    def spend(self, fault: int) -> None:
        self.budget = with_count(self.budget, fault, -1)


@dataclass(frozen=True)
class Config:
    """One exploration.

    `skip`: steps whose condition may be false, both values are explored; a step of mode E is a check, which then fails.
    `broken`: those conditions cannot be evaluated instead. `probe`: external steps are resolved by asking. `sticky`: the
    provider remembers declines. `loose`: leases do not exclude (T, J). `optimistic`: every writer keeps the row that it read
    at admission. `purge`: journals of finished sagas may be purged. `early`: commands leave before the commit that calls for
    them. `again`: an unanswered call is repeated at once under the same claim. `probe_at_report`: claims are looked at when
    the probe's answer is recorded instead of when it is asked. `claims_lost`: the failover loses claims only. `waives`:
    operators skip steps behind the pivot. `handled`: steps whose rejection is handled. `optional`: read-only steps after
    which the saga goes on, given up or not. `joins`: steps that need a number of successes. `retractable`: steps that may be
    retracted. `without`: a guard outside of `decide`, or of the rules to come, that is taken away; `mutant` takes away one
    inside.
    """

    name: str
    shape: str
    modes: str
    pivot: int = -1
    skip: tuple[int, ...] = ()
    broken: bool = False
    probe: bool = False
    sticky: bool = False
    loose: bool = False
    optimistic: bool = False
    purge: bool = False
    early: bool = False
    again: bool = False
    probe_at_report: bool = False
    claims_lost: bool = False
    waives: bool = False
    handled: tuple[int, ...] = ()
    optional: tuple[int, ...] = ()
    joins: tuple[tuple[int, int], ...] = ()
    retractable: tuple[int, ...] = ()
    without: str = ""
    mutant: Mutant = PRODUCTION
    faults: dict[str, int] = field(default_factory=dict)

    @property
    def harmless(self) -> frozenset[int]:
        """The steps without an effect that would have to be undone: they only read, or are checks."""
        return frozenset(self.optional) | {step for step, mode in enumerate(self.modes) if mode == "E"}

    @property
    def budget(self) -> tuple[int, ...]:
        return tuple(self.faults.get(fault, 0) for fault in FAULTS)
