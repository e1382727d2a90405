"""Messages that were refused: counted by reason, and told at most once a minute. A flood of them must not become a flood of lines."""

from __future__ import annotations

from collections import Counter
from typing import Final

import structlog

from saga.errors import SagaError
from saga.ports.clock import Clock

TELL_SECONDS: Final = 60.0


class Refusals:
    """`counts` only grows: reason -> messages."""

    def __init__(self, clock: Clock) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._untold: Counter[str] = Counter()
        self._tell_at = float("-inf")
        self._log = structlog.get_logger("saga.bus")

    def add(self, reason: str, topic: str, error: SagaError | str) -> None:
        """Count one; the line that is due has the newest as its example."""
        self.counts[reason] += 1
        self._untold[reason] += 1
        now = self._clock.monotonic()
        if now < self._tell_at:
            return
        self._tell_at = now + TELL_SECONDS
        self._log.error("messages refused", counts=dict(self._untold), topic=topic, last=str(error))
        self._untold.clear()
