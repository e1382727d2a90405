"""Wakes one of several workers, and not all of them."""

from __future__ import annotations

import asyncio


class Wakeup:
    """Rung while all workers are busy, it wakes the first that comes back. Rung twice before a worker waits, it wakes one."""

    def __init__(self) -> None:
        self._is_rung = False
        self._rings = asyncio.Semaphore(0)

    def ring(self) -> None:
        """Wakes one worker."""
        if not self._is_rung:
            self._is_rung = True
            self._rings.release()

    async def wait(self) -> None:
        """Returns when it was rung. A worker that then finds more than it can take rings again."""
        await self._rings.acquire()
        self._is_rung = False
