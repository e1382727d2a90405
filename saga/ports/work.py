"""The values that cross the store's port on the hot path: what a process is given to do, and what it writes back.

Structs, since some of each are made for every step; a changed copy is made by `msgspec.structs.replace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from saga.core.decide import Entry, State
from saga.core.states import Operation, Phase


class Work(Struct, array_like=True):
    """A claim, with all that is needed to run it. Times are on this process's monotonic clock.

    `results` has the recorded results (JSON) of the steps that the input is made from and, for a compensation, of the step itself.
    `deliveries` counts this one too; `trials`: how often it began alone, since its last answer, and did not answer.
    `lease_ends`: an external call starts before it (G26). `quiet_at`: until then a call of an earlier claim may still arrive (G25, G28).
    `store_clock` is the store's clock minus this process's monotonic clock, in seconds. `trace`: as in `Start`.
    """

    saga: UUID
    step: int
    operation: Operation
    claim: int
    definition: int
    version: int
    state: State
    waiter: int | None
    input: bytes
    results: dict[int, bytes]
    deliveries: int
    failures: int
    first_failed_ago: float
    lease_ends: float
    quiet_at: float
    progress: bytes | None
    store_clock: float
    trace: str | None = None
    trials: int = 0


class Ref(Struct, frozen=True, array_like=True):
    """A command by its address."""

    saga: UUID
    step: int


class Delivery(Struct, frozen=True):
    """A command as a bus carries it."""

    saga: UUID
    step: int
    operation: Operation


class Dispatch(Struct):
    """A command row to be written: for the process `owner` under `claim`, or for the queue of `service`."""

    step: int
    operation: Operation
    service: str
    owner: int | None
    claim: int | None
    after_seconds: float


PARKED_SECONDS: Final = 1e9  # a delay of that length or more: set aside until somebody acts


class Delay(Struct):
    """The claim ends without an outcome; the command is due again `after_seconds` from now. Written only by the newest claim.

    `failures` and `trials` are written as they are.
    """

    step: int
    claim: int
    after_seconds: float
    quiet_seconds: float
    failures: int
    error: str | None
    trials: int = 0


class Drop(Struct):
    """The command row goes; with a claim: only if that claim still holds it."""

    step: int
    claim: int | None


class Result(Struct):
    """The recorded result of a step, JSON."""

    step: int
    attempts: int
    value: bytes | None


class Write(Struct):
    """What one saga's outcomes decided. Written as a whole where `version` is still the saga's (G4), or not at all.

    `fences`: (step, claim) of rejections; one that is not the newest claim makes the whole write a miss (G27).
    `wake_seconds` moves the saga's wake_at; None leaves it. `is_new`: no step has a command or a result yet that this gives it, as far as
    the caller knows; a store that can write such more cheaply must not rely on it.
    """

    saga: UUID
    version: int
    changed: bool
    state: State
    wake_seconds: float | None = None
    is_deadline_moved: bool = False
    fences: list[tuple[int, int]] = []
    drops: list[Drop] = []
    delays: list[Delay] = []
    dispatches: list[Dispatch] = []
    results: list[Result] = []
    entries: Sequence[Entry] = ()
    is_new: bool = False


class Standing(Struct, frozen=True, array_like=True):
    """How far a saga is, for whoever waits for its end; `input` and `results` only when it is completed."""

    definition: int
    phase: Phase
    reason: str | None
    input: bytes | None
    results: dict[int, bytes]


class Signals(Struct):
    """Who is told, in the same transaction: processes of their new claims, services of their queues, waiters of ended sagas.

    `works` and `endings` have some of `claims` and `ended` whole. A store may tell these instead of the addresses, so that nobody has to
    ask, but only where every write of the commit was made. Their times are on the clock of the process that tells.
    """

    claims: dict[int, list[Ref]] = {}
    services: set[str] = set()
    ended: dict[int, list[UUID]] = {}
    works: dict[int, list[Work]] = {}
    endings: dict[int, dict[UUID, Standing]] = {}

    def add(self, other: Signals) -> None:
        """Tell these too."""
        for process, refs in other.claims.items():
            self.claims.setdefault(process, []).extend(refs)
        for process, sagas in other.ended.items():
            self.ended.setdefault(process, []).extend(sagas)
        for process, works in other.works.items():
            self.works.setdefault(process, []).extend(works)
        for process, endings in other.endings.items():
            self.endings.setdefault(process, {}).update(endings)
        self.services |= other.services

    def forget_whole(self) -> None:
        """Tell addresses only: it is not known whether these claims were made."""
        self.works.clear()
        self.endings.clear()


class Miss(Struct, frozen=True):
    """A write that was not made: its saga has moved on, is locked, or the claim is not the newest.

    `state` is None where the saga is gone.
    """

    position: int
    version: int
    state: State | None
    store_clock: float


class Start(Struct):
    """A saga to be inserted, with the commands and the history of its first decision.

    `trace` is the W3C traceparent under which its steps are traced.
    """

    saga: UUID
    definition: int
    definition_name: str
    state: State
    deadline_seconds: float | None
    input: bytes
    key: str | None
    input_hash: bytes
    tags: str | None
    dispatches: list[Dispatch]
    entries: Sequence[Entry]
    trace: str | None = None


class TakenKey(Struct, frozen=True):
    """A start whose key was taken: nothing was inserted for it."""

    position: int
    saga: UUID
    is_same_input: bool


class Overdue(Struct, frozen=True):
    """A saga that somebody must look after.

    `held`: steps with a command row; `claimed`: with a live claim; `unquiet`: of which a call may still be on its way.
    `trace`: as in `Start`.
    """

    saga: UUID
    version: int
    definition: int
    state: State
    waiter: int | None
    held: frozenset[int]
    claimed: frozenset[int]
    unquiet: frozenset[int]
    store_clock: float
    trace: str | None = None
