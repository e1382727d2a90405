"""The clock port: local time. Deadlines and leases are on the store's clock; the local clock only shortens trust."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol


class Clock(Protocol):
    """A monotonic clock and the only way in which the runtime sleeps, so that a simulation can turn it by hand."""

    def monotonic(self) -> float:
        """Returns seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Returns after this many seconds of `monotonic`. Cancelling it is harmless."""


class SystemClock:
    """The machine's clock."""

    monotonic: Final = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        await asyncio.sleep(seconds)
