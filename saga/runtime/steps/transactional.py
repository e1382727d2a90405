"""Transactional steps: the handler's SQL and the saga's progress are one transaction. The saga row is locked last (G2, G3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from saga.core.state.operation import Operation
from saga.errors import InputRefused, Unavailable
from saga.ports.adapter import StoreAdapter
from saga.ports.clock import Clock
from saga.ports.store import Connection
from saga.ports.values.notification import Notifications
from saga.runtime.handlers.answers import GiveUp, NotYet, Reject
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.plan import CommitPlan, OutcomeGroup
from saga.runtime.steps.attempt import Attempt

_DONE: Final = {
    Operation.EXECUTE: "SKZ",
    Operation.COMPENSATE: "Z",
}  # K, Z: it happened, and a deadline undoes it at once


@dataclass(slots=True)
class Committed:
    """A transactional step whose transaction is committed, and whom that concerns."""

    group: OutcomeGroup
    plan: CommitPlan
    notifications: Notifications = field(default_factory=Notifications)


class _Refused(Exception):
    """The re-check says no: the saga has moved on, and the handler's work is rolled back."""


@dataclass(frozen=True, slots=True)
class Transactional:
    """Runs transactional steps on the store's own database."""

    adapter: StoreAdapter
    clock: Clock
    plan: Callable[[Sequence[OutcomeGroup], Notifications], Sequence[CommitPlan]]
    process: Callable[[], int]
    on_recovered: Callable[[], None]

    async def run(self, attempt: Attempt) -> Outcome | Committed:
        """Run one claim. An outcome is still to be recorded; what is committed is not."""
        try:
            async with self.adapter.transaction() as connection:
                attempt.context.use(connection)
                outcome = await _handle(attempt)
                committed = await self._record(attempt, outcome, connection)
        except NotYet as answer:
            return attempt.ongoing(answer.after_seconds)
        except _Refused:
            return Outcome(attempt.claim, None, error="not called for any more")
        except Exception as error:  # noqa: BLE001 (whatever a handler raises is a technical failure)
            return self._not_done(attempt, error)
        return committed

    def _not_done(self, attempt: Attempt, error: Exception) -> Outcome:
        if isinstance(error, Reject) and attempt.claim.operation is Operation.EXECUTE:
            return attempt.rejected(error.reason)  # rolled back; the rejection is recorded like any other
        if isinstance(error, Unavailable):  # perhaps an unknown commit: the next delivery meets the letter that is true
            self.on_recovered()
        return attempt.failed(error, is_final=isinstance(error, GiveUp | InputRefused))

    async def _record(self, attempt: Attempt, outcome: Outcome, connection: Connection) -> Committed:
        """Decide on what was read at the claim; where that is old, on the row that is locked now."""
        claim = attempt.claim
        group = OutcomeGroup(
            claim.saga, attempt.graph, claim.version, claim.state, claim.waiter, claim.store_clock, [outcome]
        )
        while True:
            notifications = Notifications()
            (made,) = self.plan([group], notifications)
            before, after = group.state.vector[claim.step], made.decision.state.vector[claim.step]
            if before == after or after not in _DONE[claim.operation]:
                raise _Refused
            made.sent_at = self.clock.monotonic()
            # NOTIFY stays out of a handler's transaction: it takes a lock of the whole database at commit
            conflicts = await self.adapter.store.commit(
                [made.write], Notifications(), process=self.process(), durable=True, wait=True, connection=connection
            )
            if not conflicts:
                return Committed(group, made, notifications)
            if conflicts[0].state is None:
                raise _Refused
            group.version, group.state = conflicts[0].version, conflicts[0].state


async def _handle(attempt: Attempt) -> Outcome:
    if attempt.claim.operation is Operation.EXECUTE:
        return attempt.succeeded(await attempt.execute())
    await attempt.compensate(attempt.claim.results.get(attempt.claim.step))
    return attempt.compensated()
