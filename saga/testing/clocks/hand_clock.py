"""A clock that stands still until a test advances it."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import Final

YIELDS: Final = 10  # iterations of the event loop for what a woken task does next


class HandClock:
    """See `saga.ports.clock.Clock`. Time stands still until `advance`. `processor`: the processor time used so far, which a test sets."""

    def __init__(self, start: float) -> None:
        self.processor: float = 0.0
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._sequence = count()

    def monotonic(self) -> float:
        """The time that the test has set."""
        return self._now

    def processor_seconds(self) -> float:
        """The processor time that the test has set."""
        return self.processor

    async def sleep(self, seconds: float) -> None:
        """Waits until the test has moved the clock this far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._sequence), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Advances the time. Sleepers wake in the order of their times, each at its own time."""
        await self._let_others_run()  # tasks that are about to sleep start sleeping now
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
                await self._let_others_run()
        self._now = end
        await self._let_others_run()

    async def _let_others_run(self) -> None:
        for _ in range(YIELDS):
            await asyncio.sleep(0)
