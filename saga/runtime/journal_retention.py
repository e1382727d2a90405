"""Purges a service's journal (G19): the rows of a saga are deleted when it has ended and no delivery or claim of it can be alive.

Only sagas that started long enough ago are checked. A saga must be seen ended twice, and the pause between outlasts every lease and call:
whatever was on its way has arrived by then. A saga that the store does not know is left alone: it may belong to another store.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from saga.errors import SagaError, Unavailable
from saga.logger import get_logger
from saga.ports.journal import Journal
from saga.ports.ledger import Ledger
from saga.runtime.timing.store_clock import StoreClock

BATCH_SAGAS_MAX: Final = 500
AGE_SECONDS_MAX: Final = 86_400.0
RETENTION_PART: Final = 4  # the store must still know the saga when its journal rows are purged
PAUSE_SECONDS_MAX: Final = 600.0
_RANDOM_BITS: Final = 80  # of a UUIDv7, after the milliseconds


@dataclass(frozen=True, slots=True)
class JournalRetentionOptions:
    """`age_seconds`: minimum age of a saga that is checked; `quiet_seconds`: how long it must have been seen ended."""

    age_seconds: float
    quiet_seconds: float


def journal_retention_options(retention_seconds: float, lease_seconds: float) -> JournalRetentionOptions:
    """The options that suit a store with this retention of finished sagas."""
    age_seconds = min(AGE_SECONDS_MAX, retention_seconds / RETENTION_PART)
    return JournalRetentionOptions(age_seconds, max(age_seconds / RETENTION_PART, 2 * lease_seconds))


class JournalRetention:
    """One for each journal of a process. Those of several processes may run at a time."""

    def __init__(
        self,
        journal: Journal,
        ledger: Ledger,
        clock: StoreClock,
        options: JournalRetentionOptions,
    ) -> None:
        self._journal = journal
        self._ledger = ledger
        self._clock = clock
        self._options = options
        self._ended: dict[UUID, float] = {}  # when each was first seen ended
        self._log = get_logger("saga.journal")

    async def run(self) -> None:
        """Purges from time to time, until cancelled."""
        pause = min(PAUSE_SECONDS_MAX, self._options.quiet_seconds)
        while True:
            await self._clock.sleep(pause * (0.5 + random.random()))  # noqa: S311 (processes take turns)
            try:
                purged = await self.purge()
            except SagaError as error:
                self._log.warning("journal cannot be purged", error=str(error))
            else:
                if purged:
                    self._log.info("journal purged", rows=purged)

    async def purge(self) -> int:
        """Goes through the journal once. Returns the number of deleted rows."""
        youngest = UUID(int=int(max(self._clock.now() - self._options.age_seconds, 0) * 1000) << _RANDOM_BITS)
        after, purged, seen = UUID(int=0), 0, set[UUID]()
        while sagas := [saga for saga in await self._journal.sagas(after, BATCH_SAGAS_MAX) if saga.int < youngest.int]:
            after = sagas[-1]
            try:
                quiet = await self._quiet(sagas, seen)
                if quiet:
                    purged += await self._journal.purge(quiet)
            except SagaError as error:
                if type(error) is Unavailable:  # all of it is away; any other error may be about these sagas alone
                    raise
                seen.update(sagas)
                self._log.warning("journal cannot be purged", error=str(error), sagas=len(sagas))
        self._ended = {saga: since for saga, since in self._ended.items() if saga in seen}
        return purged

    async def _quiet(self, sagas: list[UUID], seen: set[UUID]) -> list[UUID]:
        now, quiet = self._clock.monotonic(), list[UUID]()
        for saga, status in (await self._ledger.statuses(sagas)).items():
            if not status.phase.is_terminal:
                continue
            since = self._ended.setdefault(saga, now)
            if now - since >= self._options.quiet_seconds:
                quiet.append(saga)
            else:
                seen.add(saga)
        return quiet
