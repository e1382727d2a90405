"""What the driver logs: thousands of lines while a broker is away. One of a kind now and then says as much."""

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


class Sparse(logging.Filter):
    """Lets the first line of a kind through, and then one each REPEAT_SECONDS. A kind is a text before its values."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, kind = time.monotonic(), (record.name, str(record.msg))
        if now - self._said.get(kind, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        if len(self._said) >= KINDS_MAX:
            self._said.clear()
        self._said[kind] = now
        return True


_sparse: Final = Sparse()


def soften() -> None:
    """Once a process; again is harmless. A filter holds for its own logger only, hence the list."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_sparse)
