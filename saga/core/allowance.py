"""An allowance for acts that somebody else can cause."""

from __future__ import annotations


class Allowance:
    """Allows `burst` acts at once, and after that `per_second`. The caller hands in the time, on any clock that does not go back."""

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._at: float | None = None

    def take(self, now: float) -> float:
        """Takes one act. Returns how many seconds to wait before it: 0.0 if it may be done at once."""
        earned = 0.0 if self._at is None else (now - self._at) * self._per_second
        self._left, self._at = min(self._left + earned, self._burst) - 1, now
        return max(-self._left, 0.0) / self._per_second
