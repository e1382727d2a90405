"""What one commit writes for one saga, and the answer when it could not be written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from saga.core.rules.decision import HistoryEntry
from saga.core.state.operation import Operation
from saga.core.state.saga_state import State


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

    `failures` and `isolated_attempts` are written as they are.
    """

    step: int
    claim: int
    after_seconds: float
    quiet_seconds: float
    failures: int
    error: str | None
    isolated_attempts: int = 0


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

    `fences`: (step, claim) of rejections; one that is not the newest claim makes the whole write a conflict (G27).
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
    entries: Sequence[HistoryEntry] = ()
    is_new: bool = False


class WriteConflict(Struct, frozen=True):
    """A write that was not made: its saga has moved on, is locked, or the claim is not the newest.

    `state` is None where the saga is gone.
    """

    position: int
    version: int
    state: State | None
    store_clock: float
