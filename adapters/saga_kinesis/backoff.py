"""How long to wait: between tries that fail, and between complaints about them."""

from __future__ import annotations

import random
import time
from typing import Final

COMPLAIN_SECONDS: Final = 10.0


class Backoff:
    """Pauses that double up to a longest one, with jitter so that many who failed together do not come back together."""

    def __init__(self, first_seconds: float, longest_seconds: float) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._next = first_seconds

    def seconds(self) -> float:
        """The next pause."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 (spreads tries, guards nothing)

    def reset(self) -> None:
        """It worked."""
        self._next = self._first


class Complaint:
    """Lets one log line through in a while, and counts what it holds back."""

    def __init__(self, every_seconds: float = COMPLAIN_SECONDS) -> None:
        self._every = every_seconds
        self._next_at = float("-inf")
        self._count = 0

    def due(self) -> int:
        """How often it happened since the last line; 0 while it is too early for another."""
        self._count += 1
        if time.monotonic() < self._next_at:
            return 0
        self._next_at = time.monotonic() + self._every
        count, self._count = self._count, 0
        return count


def jitter(seconds: float) -> float:
    """About so long."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311
