"""Creates the partitions of the history where no leader does it: without them all history goes to one table that only grows."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

from saga.errors import SagaError
from saga.logger import Logger, get_logger
from saga.ports.clock import Clock
from saga.ports.retention import Retention
from saga.runtime.leader_watch import LeaderWatch

FIRST_SECONDS: Final = 2.0
"""Pause before the first time: most commands of the CLI have ended by then."""
PAUSE_SECONDS: Final = 1_800.0


@dataclass(frozen=True, slots=True)
class HistoryDays:
    """Prepares the history from time to time, unless a leader was just seen."""

    retention: Retention
    clock: Clock
    leaders: LeaderWatch
    _log: Logger = field(default_factory=lambda: get_logger("saga.process"))

    async def run(self) -> None:
        """Works until cancelled."""
        pause = FIRST_SECONDS
        while True:
            await self.clock.sleep(pause * (0.5 + random.random()))  # noqa: S311 (not all processes at once)
            pause = PAUSE_SECONDS
            if not self.leaders.is_leader_seen():
                try:
                    await self.retention.prepare_history()
                except SagaError as error:
                    self._log.warning("partitions of the history cannot be created", error=str(error))
