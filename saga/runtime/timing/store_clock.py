"""The store's clock, as this process knows it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from saga.ports.clock import Clock


class StoreClock:
    """The monotonic clock of this process, and the offset of the store's clock from it, as of the last heartbeat.

    One object is shared by everything in a process that needs the store's time. Only the heartbeat sets `offset`.
    """

    def __init__(self, clock: Clock) -> None:
        self.monotonic: Callable[[], float] = clock.monotonic
        self.processor_seconds: Callable[[], float] = clock.processor_seconds
        self.sleep: Callable[[float], Coroutine[None, None, None]] = clock.sleep
        self.offset: float = 0.0

    def now(self) -> float:
        """Seconds since the epoch on the store's clock."""
        return self.offset + self.monotonic()
