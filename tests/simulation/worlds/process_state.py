"""State of the whole process that a world sets and restores: its random numbers and its logging."""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds the random numbers of the process, by which the runtime spreads its retries."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


@contextmanager
def silenced() -> Iterator[list[str]]:
    """Silences the logs of thousands of worlds; yields the complaints about loops that died of an unexpected error."""
    complaints: list[str] = []

    class Listening(structlog.make_filtering_bound_logger(logging.CRITICAL)):  # type: ignore[misc]
        def exception(self, event: str, **words: object) -> None:
            complaints.append(f"{event} {words}: {sys.exception()!r}")

    before, is_configured = structlog.get_config(), structlog.is_configured()
    structlog.configure(wrapper_class=Listening)
    try:
        yield complaints
    finally:
        structlog.configure(**before) if is_configured else structlog.reset_defaults()
