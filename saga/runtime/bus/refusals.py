"""Counts refused messages by reason, and logs them at most once a minute: a flood of them must not flood the log."""

from __future__ import annotations

from collections import Counter
from typing import Final

from saga.errors import SagaError
from saga.logger import get_logger
from saga.ports.clock import Clock

LOG_SECONDS: Final = 60.0


class Refusals:
    """`counts`: messages by reason; they only grow."""

    def __init__(self, clock: Clock) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._unlogged: Counter[str] = Counter()
        self._log_at = float("-inf")
        self._log = get_logger("saga.bus")

    def add(self, reason: str, topic: str, error: SagaError | str) -> None:
        """Counts one message. A log line that is due has the newest error as its example."""
        self.counts[reason] += 1
        self._unlogged[reason] += 1
        now = self._clock.monotonic()
        if now < self._log_at:
            return
        self._log_at = now + LOG_SECONDS
        self._log.error("messages refused", counts=dict(self._unlogged), topic=topic, last=str(error))
        self._unlogged.clear()
