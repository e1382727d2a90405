"""Measures the cost of claims in this process, for the processes that choose an owner for a command."""

from __future__ import annotations

from typing import Final

from saga.ports.clock import Clock
from saga.ports.membership import ClaimCost
from saga.runtime.claims.intake import Intake

CLAIMS_REMEMBERED: Final = 256
"""After this many claims, earlier ones count half."""


class CostMeter:
    """The processor time of a claim, and how busy the process is. One measurement for each heartbeat.

    What the process needs without any claim, its heartbeat above all, is not counted: at a low rate it is more than the claims need.
    """

    def __init__(self, clock: Clock, intake: Intake) -> None:
        self._clock = clock
        self._intake = intake
        self._measured_at = clock.monotonic()
        self._processor = clock.processor_seconds()
        self._finished = intake.finished
        self._claims = 0
        self._claims_seconds = 0.0
        self._own_seconds = 0.0  # of the process without claims, from one heartbeat to the next
        self._busy = 0.0

    def measure(self) -> ClaimCost | None:
        """Returns the cost, in which recent claims count most. None if no claim has ended yet, or nothing is measured here."""
        now, processor, finished = self._clock.monotonic(), self._clock.processor_seconds(), self._intake.finished
        elapsed, used, claims = now - self._measured_at, processor - self._processor, finished - self._finished
        self._measured_at, self._processor, self._finished = now, processor, finished
        if elapsed > 0:
            self._busy = (self._busy + used / elapsed) / 2
        if claims or self._intake.in_flight:
            self._count(claims, used)
        else:
            self._own_seconds = (3 * self._own_seconds + used) / 4
        if not self._claims or not processor:
            return None
        return ClaimCost(self._claims_seconds / self._claims, self._busy)

    def _count(self, claims: int, used: float) -> None:
        if self._claims > CLAIMS_REMEMBERED:
            self._claims //= 2
            self._claims_seconds /= 2
        self._claims += claims
        self._claims_seconds += max(used - self._own_seconds, 0.0)
