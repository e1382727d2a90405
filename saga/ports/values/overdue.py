"""A saga whose wake-up time has passed."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from saga.core.state.saga_state import State


class OverdueSaga(Struct, frozen=True):
    """A saga that must be redriven, with the state that the decision needs.

    `held`: the steps with a command row. `claimed`: the steps with a live claim. `unquiet`: the steps of which a call may still
    be on its way. `store_clock`: the store's clock minus this process's monotonic clock. `trace`: see `Start`.
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
