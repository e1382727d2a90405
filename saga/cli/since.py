"""The option `--since`: a moment in the past."""

from __future__ import annotations

import time
from datetime import datetime

from saga.core.duration import duration_ms
from saga.errors import SagaError, UsageError


def moment_of(since: str | None) -> float | None:
    """Returns the moment, in seconds since the epoch, that is this long ago, or that is written as a date.

    Raises:
        UsageError: it is neither a duration nor a date.
    """
    if since is None:
        return None
    try:
        return time.time() - duration_ms(since) / 1000
    except SagaError:
        pass
    try:
        return datetime.fromisoformat(since).astimezone().timestamp()
    except ValueError:
        raise UsageError(
            f"--since {since}: write how long ago (10m, 2h, 1d), or a date and time (2026-01-31 12:00)"
        ) from None
