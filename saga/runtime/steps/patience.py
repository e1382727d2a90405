"""Pauses of claims that could not begin: their database cannot be reached, or has no free connection."""

from __future__ import annotations

import asyncio
import random
from typing import Final

FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 10.0
JITTER: Final = 0.2


class Patience:
    """The pauses of one handler. A pause is as long as the handler has been unable to begin, so that pauses double, within limits.

    These pauses are not part of any retry policy: what has not begun is not an attempt.
    """

    __slots__ = ("_loop", "waiting_since")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.waiting_since: float | None = None  # unset while claims begin

    def pause_seconds(self) -> float:
        """The pause before a claim that could not begin is tried again."""
        now = self._loop.time()
        if self.waiting_since is None:
            self.waiting_since = now
        pause = min(max(now - self.waiting_since, FIRST_SECONDS), LONGEST_SECONDS)
        return pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (spreads the claims)
