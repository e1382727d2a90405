"""Renews the leases of the claims that this process holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from saga.errors import Locked, SagaError
from saga.logger import Logger, get_logger
from saga.ports.clock import Clock
from saga.ports.store import Store
from saga.ports.values.claim import Claim
from saga.runtime.claims.intake import Intake
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.identity import ProcessIdentity

RENEW_AT: Final = 1 / 3  # of a lease


@dataclass(frozen=True, slots=True)
class LeaseRenewal:
    """A claim is held until its outcome is committed: a rejection counts only from the newest claim (G27)."""

    store: Store
    clock: Clock
    identity: ProcessIdentity
    intake: Intake
    outcomes: OutcomeQueue
    lease_seconds: float
    _log: Logger = field(default_factory=lambda: get_logger("saga.intake"))

    async def run(self) -> None:
        """Renews leases until cancelled. Claims that were lost meanwhile are cancelled."""
        while True:
            await self.clock.sleep(self.lease_seconds * RENEW_AT)
            soon = self.clock.monotonic() + self.lease_seconds * (1 - RENEW_AT)
            held = [*self.outcomes.unsettled().values(), *self.intake.held()]
            ending = [claim for claim in held if claim.lease_ends < soon]
            if ending:
                await self._extend(ending)

    async def _extend(self, ending: Sequence[Claim]) -> None:
        asked_at = self.clock.monotonic()
        try:
            lost = await self.store.extend(ending, process=self.identity.number)
        except SagaError as error:  # whatever it is: the outcomes that wait for their commit need their leases
            if isinstance(error, Locked) and len(ending) > 1:  # by one row: the others are renewed without it
                for claim in ending:
                    await self._extend([claim])
                return
            self._log.warning("cannot renew leases", claims=len(ending), error=str(error))
            return
        for claim in ending:
            if claim.number not in lost:
                claim.lease_ends = asked_at + self.lease_seconds
            elif self.intake.cancel(claim):
                self._log.info("claim lost, stopping", saga=str(claim.saga), position=claim.step)
