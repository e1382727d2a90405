"""The pauses between attempts of a commit whose outcome is unknown."""

from __future__ import annotations

from typing import Final

from saga.ports.clock import Clock

FIRST_SECONDS: Final = 0.05
CAP_SECONDS: Final = 2.0


class Backoff:
    """Doubles the pause each time, up to a cap. `is_retry`: an earlier attempt may have been committed."""

    __slots__ = ("_clock", "_seconds", "is_retry")

    def __init__(self, clock: Clock, *, is_retry: bool = False) -> None:
        self._clock = clock
        self._seconds = FIRST_SECONDS
        self.is_retry: bool = is_retry

    async def pause(self) -> None:
        """An attempt has ended without an answer: wait before the next one."""
        self.is_retry = True
        await self._clock.sleep(self._seconds)
        self._seconds = min(self._seconds * 2, CAP_SECONDS)
