"""Work is there: one of several workers wakes, and not all of them."""

from __future__ import annotations

import asyncio


class Wakeup:
    """Rung while all are at work, it is heard by the first who comes back; rung twice before anybody hears it, it rings once."""

    def __init__(self) -> None:
        self._is_rung = False
        self._rings = asyncio.Semaphore(0)

    def ring(self) -> None:
        """Wake one worker."""
        if not self._is_rung:
            self._is_rung = True
            self._rings.release()

    async def wait(self) -> None:
        """Return when it was rung: then look what there is to do, and ring again if it is too much for one."""
        await self._rings.acquire()
        self._is_rung = False
