"""Limits the driver's log, which repeats the same lines thousands of times while a broker is away."""

from __future__ import annotations

import logging
import time
from typing import Final

REPEAT_SECONDS: Final = 30.0
KINDS_MAX: Final = 1_000
LOGGERS: Final = (
    "aiokafka",
    "aiokafka.cluster",
    "aiokafka.conn",
    "aiokafka.consumer.consumer",
    "aiokafka.consumer.fetcher",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.consumer.subscription_state",
    "aiokafka.coordinator.assignors.roundrobin",
    "aiokafka.producer.producer",
    "aiokafka.producer.sender",
)


class RepeatFilter(logging.Filter):
    """Passes the first line of a kind, then one every REPEAT_SECONDS. A kind is a message before its values are filled in."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, kind = time.monotonic(), (record.name, str(record.msg))
        if now - self._passed_at.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        if len(self._passed_at) >= KINDS_MAX:
            self._passed_at.clear()
        self._passed_at[kind] = now
        return True


_filter: Final = RepeatFilter()


def limit_repeated_logs() -> None:
    """Installs the filter; harmless if called again. A filter applies to its own logger only, hence the list."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_filter)
