"""The election port: at most one supervisor leads. Safety never depends on it (G4, G5 do the work); it saves double work."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Leadership:
    """A reign: its number, and until when (monotonic clock of this process) it may be trusted without renewal."""

    term: int
    trusted_until: float


@dataclass(slots=True)
class Vigil:
    """What a candidate has seen of the reign before its own: when it may believe that nobody trusts himself any more.

    The seat may fall vacant early: a session is ended by hand, a server restarts, a cable to the server alone is cut. The leader learns
    it at its next renewal, and trusts itself until then. Who finds the seat vacant therefore waits, from the last renewal *that it saw* and
    on its own monotonic clock, for as long as a renewal is trusted; only a resignation, which is written down, spares it the wait.
    """

    _mark: Hashable | None = None
    _free_at: float = -math.inf

    def saw(self, mark: Hashable | None, patience_seconds: float, now: float) -> None:
        """`mark` differs after each renewal; None: nobody has led yet, or who led has resigned."""
        if mark is None:
            self._free_at = -math.inf
        elif mark != self._mark:
            self._free_at = now + patience_seconds
        self._mark = mark

    def left_seconds(self, now: float) -> float:
        """How long to wait still; 0 where the seat is free."""
        return max(self._free_at - now, 0.0)


class Election(Protocol):
    """Terms strictly increase. A leader that cannot renew stops trusting itself before another one can lead."""

    async def campaign(self, candidate: str) -> Leadership:
        """Wait until this candidate leads. Cancelling it withdraws the candidate.

        Raises:
            Unavailable: the electing service cannot be reached.
        """

    async def renew(self, leadership: Leadership) -> Leadership:
        """Extend the trust of this term. Scoped to it: a delayed call cannot extend a later one.

        Raises:
            LeadershipLost: another term has begun, or this one cannot be proved any more.
            Unavailable: unknown outcome; trust the old leadership until it ends, and no longer.
        """

    async def resign(self, leadership: Leadership) -> None:
        """End this term so that another candidate leads at once. A delayed resignation of an old term changes nothing."""

    async def close(self) -> None:
        """Give everything back. Calling it twice is harmless."""
