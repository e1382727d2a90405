"""Surveys all sagas periodically, for the metrics that only the store knows. Only the leader does, so that it is done once."""

from __future__ import annotations

from typing import Final

from saga.errors import SagaError
from saga.logger import get_logger
from saga.ports.clock import Clock
from saga.ports.listing import Listing
from saga.runtime.supervisor import Supervisor
from saga.telemetry.metrics import Metrics

SURVEY_SECONDS: Final = 5.0
SURVEY_SAGAS_MAX: Final = 50_000
WAIT_SECONDS: Final = 0.5
"""Pause while there is no survey: a new leader makes its first one within this time."""


class Surveyor:
    """Keeps `metrics.survey` up to date while this process leads; otherwise it is None."""

    def __init__(self, listing: Listing, supervisor: Supervisor, metrics: Metrics, clock: Clock) -> None:
        self._listing = listing
        self._supervisor = supervisor
        self._metrics = metrics
        self._clock = clock
        self._log = get_logger("saga.telemetry")

    async def run(self) -> None:
        """Survey until cancelled."""
        try:
            while True:
                await self._survey()
                await self._clock.sleep(WAIT_SECONDS if self._metrics.survey is None else SURVEY_SECONDS)
        finally:
            self._metrics.survey = None

    async def _survey(self) -> None:
        """Replaces the survey. It is None while the store is unreachable, since an old number would look like a current one."""
        if self._supervisor.term is None:
            self._metrics.survey = None
            return
        try:
            self._metrics.survey = await self._listing.survey(SURVEY_SAGAS_MAX)
        except SagaError as error:
            self._metrics.survey = None
            self._log.warning("cannot survey sagas", error=str(error))
