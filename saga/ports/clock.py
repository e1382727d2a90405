"""The clock port: local time. Deadlines and leases are on the store's clock; the local clock only shortens trust."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol


class Clock(Protocol):
    """The monotonic clock of a process, the processor time that it has used, and the sleeps of its loops.

    Timeouts and short timers use the event loop's clock instead. A simulation therefore drives both: this clock and the loop.
    """

    def monotonic(self) -> float:
        """Returns seconds that never go back."""

    def processor_seconds(self) -> float:
        """Returns the processor time that this process has used so far; always 0 where it is not measured."""

    async def sleep(self, seconds: float) -> None:
        """Returns after this many seconds of `monotonic`. Cancelling it is harmless."""


class SystemClock:
    """The machine's clock."""

    monotonic: Final = staticmethod(time.monotonic)
    processor_seconds: Final = staticmethod(time.process_time)

    async def sleep(self, seconds: float) -> None:
        """Sleeps on the event loop."""
        await asyncio.sleep(seconds)
