"""The clock port: what the runtime knows of local time. Deadlines and leases are on the store's clock; this one only shortens trust."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A monotonic clock and the only way in which the runtime sleeps, so that a simulation can turn it by hand."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds of `monotonic`."""


class SystemClock:
    """The machine's clock."""

    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        await asyncio.sleep(seconds)
