"""The pulse of the event loop: proves that it turns, and measures how late it runs what is due."""

from __future__ import annotations

from typing import Final

from saga.ports.clock import Clock
from saga.telemetry.metrics import Metrics

PULSE_SECONDS: Final = 0.1


class Pulse:
    """Wakes up at a steady pace until `run` is cancelled; `age_seconds` is the time since it last did."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._last_at = clock.monotonic()

    @property
    def age_seconds(self) -> float:
        return self._clock.monotonic() - self._last_at

    async def run(self) -> None:
        while True:
            due = self._clock.monotonic() + PULSE_SECONDS
            await self._clock.sleep(PULSE_SECONDS)
            self._last_at = self._clock.monotonic()
            self._metrics.loop_lag.observe(max(self._last_at - due, 0.0))
