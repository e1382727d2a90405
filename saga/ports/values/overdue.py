"""A saga whose wake-up time has passed."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from msgspec import Struct

from saga.core.state.saga_state import State

Place = tuple[float, UUID]
"""A place among the overdue sagas, which are in the order of their wake-up times and ids."""
BEGINNING: Final[Place] = (0.0, UUID(int=0))


class OverdueSaga(Struct, frozen=True):
    """A saga that must be redriven, with the state that the decision needs.

    `held`: the steps with a command row. `claimed`: the steps with a live claim. `unquiet`: the steps of which a call may still
    be on its way. `store_clock`: the store's clock minus this process's monotonic clock. `trace`: see `Start`. `wake_at`: its wake-up
    time, in seconds since 1970 on the store's clock.
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
    wake_at: float = 0.0

    @property
    def place(self) -> Place:
        """Its place among the overdue sagas."""
        return self.wake_at, self.saga
