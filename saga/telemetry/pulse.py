"""A heartbeat of the event loop: proves that it turns, and measures how late it comes to what is due."""

from __future__ import annotations

from typing import Final

from saga.ports.clock import Clock
from saga.telemetry.metrics import Metrics

BEAT_SECONDS: Final = 0.1


class Pulse:
    """`run` beats until cancelled; `age_seconds` says how long ago the last beat was."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics
        self._beat_at = clock.monotonic()

    @property
    def age_seconds(self) -> float:
        return self._clock.monotonic() - self._beat_at

    async def run(self) -> None:
        while True:
            due = self._clock.monotonic() + BEAT_SECONDS
            await self._clock.sleep(BEAT_SECONDS)
            self._beat_at = self._clock.monotonic()
            self._metrics.loop_lag.observe(max(self._beat_at - due, 0.0))
