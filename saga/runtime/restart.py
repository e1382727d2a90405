"""Restarts the loops of a process when they die."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Final

import structlog

from saga.ports.clock import Clock

RESTART_SECONDS: Final = 0.5


async def keep_running(loop: Callable[[], Coroutine[None, None, None]], clock: Clock) -> None:
    """Runs a loop until cancelled, and restarts it if it dies of a bug. What it had in hand comes back when the leases end."""
    log = structlog.get_logger("saga.process")
    while True:
        try:
            await loop()
        except Exception:
            log.exception("loop died, restarting", loop=loop.__qualname__)
            await clock.sleep(RESTART_SECONDS)
