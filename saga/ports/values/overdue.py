"""A saga whose wake-up time has passed."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from saga.core.state.saga_state import State


class OverdueSaga(Struct, frozen=True):
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
