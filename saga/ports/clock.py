"""The clock port: local time. Deadlines and leases are on the store's clock; the local clock only shortens trust."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol


class Clock(Protocol):
    """The monotonic clock of a process, and the sleeps of its loops.

    Timeouts and short timers use the event loop's clock instead. A simulation therefore drives both: this clock and the loop.
    """

    def monotonic(self) -> float:
        """Returns seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Returns after this many seconds of `monotonic`. Cancelling it is harmless."""


class SystemClock:
    """The machine's clock."""

    monotonic: Final = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        """Sleeps on the event loop."""
        await asyncio.sleep(seconds)
