"""A claim, and the references to a command.

These are Structs because some are made for every step; `msgspec.structs.replace` makes a changed copy.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from msgspec import Struct

from saga.core.state.operation import Operation
from saga.core.state.saga_state import State

NEVER_CALLED: Final = -1e9
"""`quiet_at`, in seconds from now or on any process's clock, of a command of which nothing has begun yet: long before anything ran."""


class Claim(Struct, array_like=True):
    """A claim, with all that is needed to run it. Times are on this process's monotonic clock.

    `number` is the claim number. `results`: the recorded results (JSON) of the steps that the input reads and, for a
    compensation, of the step itself. `deliveries` includes this delivery. `isolated_attempts`: since the last answer.
    `lease_ends`: an external call starts before it (G26). `quiet_at`: until then a call of an earlier claim may still arrive
    (G25, G28); about NEVER_CALLED if no earlier claim has begun (G136). `until`: the moment for which the command was parked, on the
    store's clock in seconds since the epoch; None: it was not. `store_clock`: the store's clock minus this process's monotonic clock,
    in seconds. `trace`: see `Start`.
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
    until: float | None = None

    @property
    def is_first_to_begin(self) -> bool:
        """G136: no earlier claim of the command can have reached the handler. False where that is not known."""
        return self.quiet_at < NEVER_CALLED / 2


class CommandRef(Struct, frozen=True, array_like=True):
    """Identifies a command: one saga, one step."""

    saga: UUID
    step: int


class DeliveredCommand(Struct, frozen=True):
    """A command as a bus carries it."""

    saga: UUID
    step: int
    operation: Operation
