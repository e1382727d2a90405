"""Pauses between failed attempts, and between the log lines about them."""

from __future__ import annotations

import random
import time
from typing import Final

LOG_SECONDS: Final = 10.0


class Backoff:
    """Pauses that double up to a maximum, with jitter, so that processes which failed together do not retry together."""

    def __init__(self, first_seconds: float, longest_seconds: float) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._next = first_seconds

    def seconds(self) -> float:
        """The next pause."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 (spreads retries, guards nothing)

    def reset(self) -> None:
        """Starts again with the first pause, after a success."""
        self._next = self._first


class LogLimiter:
    """Limits a repeated log line to one in a while, and counts the suppressed ones."""

    def __init__(self, every_seconds: float = LOG_SECONDS) -> None:
        self._every = every_seconds
        self._next_at = float("-inf")
        self._suppressed = 0

    def count(self) -> int:
        """Counts an occurrence. Returns how many there were since the last line; 0 while it is too early for the next."""
        self._suppressed += 1
        if time.monotonic() < self._next_at:
            return 0
        self._next_at = time.monotonic() + self._every
        suppressed, self._suppressed = self._suppressed, 0
        return suppressed


def jitter(seconds: float) -> float:
    """About this long."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311
