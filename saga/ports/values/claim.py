"""The values that cross the store's port on the hot path: what a process is given to do, and what it writes back.

Structs, since some of each are made for every step; a changed copy is made by `msgspec.structs.replace`.
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from saga.core.state.operation import Operation
from saga.core.state.saga_state import State


class Claim(Struct, array_like=True):
    """A claim, with all that is needed to run it. Times are on this process's monotonic clock.

    `results` has the recorded results (JSON) of the steps that the input is made from and, for a compensation, of the step itself.
    `deliveries` counts this one too; `isolated_attempts`: how often it began alone, since its last answer, and did not answer.
    `lease_ends`: an external call starts before it (G26). `quiet_at`: until then a call of an earlier claim may still arrive (G25, G28).
    `store_clock` is the store's clock minus this process's monotonic clock, in seconds. `trace`: as in `Start`.
    """

    saga: UUID
    step: int
    operation: Operation
    number: int
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
    isolated_attempts: int = 0


class CommandRef(Struct, frozen=True, array_like=True):
    """A command by its address."""

    saga: UUID
    step: int


class DeliveredCommand(Struct, frozen=True):
    """A command as a bus carries it."""

    saga: UUID
    step: int
    operation: Operation
