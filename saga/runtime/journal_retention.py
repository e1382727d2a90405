"""Keeps a service's journal short (G19): the rows of a saga go when it has ended and no delivery or claim of it can be alive.

A saga is looked at when it started long enough ago. That it has ended is seen twice, with a pause between that outlasts every lease and
call: what could still have come has come by then. A saga that the store does not know is left alone: it may be another store's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from saga.errors import SagaError
from saga.ports.journal import Journal
from saga.ports.ledger import Ledger
from saga.runtime.timing.store_clock import StoreClock

BATCH_SAGAS_MAX: Final = 500
AGE_SECONDS_MAX: Final = 86_400.0
RETENTION_PART: Final = 4  # the store still has to know the saga when its time has come
LOOK_SECONDS_MAX: Final = 600.0
_TIMESTAMP_BITS: Final = 80  # of a UUIDv7, behind the milliseconds


@dataclass(frozen=True, slots=True)
class JournalRetentionOptions:
    """`age_seconds`: how long ago a saga started before anybody asks; `quiet_seconds`: how long it has to be seen ended."""

    age_seconds: float
    quiet_seconds: float


def journal_retention_options(retention_seconds: float, lease_seconds: float) -> JournalRetentionOptions:
    """What suits a store that forgets finished sagas after so long."""
    age_seconds = min(AGE_SECONDS_MAX, retention_seconds / RETENTION_PART)
    return JournalRetentionOptions(age_seconds, max(age_seconds / RETENTION_PART, 2 * lease_seconds))


class JournalRetention:
    """One for each journal that a process serves; several may run at a time."""

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
        self._ended: dict[UUID, float] = {}  # since when they are seen ended
        self._log = structlog.get_logger("saga.journal")

    async def run(self) -> None:
        """Purge from time to time, until cancelled."""
        pause = min(LOOK_SECONDS_MAX, self._options.quiet_seconds)
        while True:
            await self._clock.sleep(pause * (0.5 + random.random()))  # noqa: S311 (so that processes take turns)
            try:
                purged = await self.purge()
            except SagaError as error:
                self._log.warning("journal cannot be purged", error=str(error))
            else:
                if purged:
                    self._log.info("journal purged", rows=purged)

    async def purge(self) -> int:
        """Walk along the journal once; returns how many rows were forgotten."""
        youngest = UUID(int=int(max(self._clock.now() - self._options.age_seconds, 0) * 1000) << _TIMESTAMP_BITS)
        after, purged, seen = UUID(int=0), 0, set[UUID]()
        while sagas := [saga for saga in await self._journal.sagas(after, BATCH_SAGAS_MAX) if saga.int < youngest.int]:
            after = sagas[-1]
            quiet = await self._quiet(sagas, seen)
            if quiet:
                purged += await self._journal.purge(quiet)
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
