"""The election port: at most one supervisor leads. Safety never depends on it (G4, G5 do the work); it saves double work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Leadership:
    """A reign: its number, and until when (monotonic clock of this process) it may be trusted without renewal.

    `silent_seconds`: how long nobody was seen at work before this reign, as the store tells; 0 where nobody ever was.
    """

    term: int
    trusted_until: float
    silent_seconds: float = 0.0


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
