"""Transactional steps: the handler's SQL and the saga's progress are one transaction. The saga row is locked last (G2, G3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saga.core.state.letters import COMPENSATED, HAPPENED_LETTERS
from saga.core.state.operation import Operation
from saga.errors import Locked, Unavailable
from saga.ports.adapter import StoreAdapter
from saga.ports.clock import Clock
from saga.ports.store import Connection
from saga.ports.values.notification import Notifications
from saga.runtime.after_commit import AfterCommit
from saga.runtime.handlers.answers import Reject
from saga.runtime.identity import ProcessIdentity
from saga.runtime.planning.commit_plan import Committed
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.outcome_group import group_of
from saga.runtime.planning.planner import CommitPlanner
from saga.runtime.steps.attempt import Attempt

_DONE: Final = {
    Operation.EXECUTE: HAPPENED_LETTERS,  # not only succeeded: a deadline may undo the step at once
    Operation.COMPENSATE: frozenset(COMPENSATED),
}


LOCKED_PAUSE_SECONDS: Final = 1.0
"""The pause before a step whose saga is locked is run again. It begins when the store has recorded it: then the row is free."""


class _Refused(Exception):
    """The second check failed: the saga has moved on, and the handler's work is rolled back."""


class _Waits(Exception):
    """Another transaction holds a row of the saga: the work of the handler is rolled back, which is not a failed attempt."""


@dataclass(frozen=True, slots=True)
class TransactionalRunner:
    """Runs transactional steps on the store's own database."""

    adapter: StoreAdapter
    clock: Clock
    identity: ProcessIdentity
    planner: CommitPlanner
    after_commit: AfterCommit

    async def run(self, attempt: Attempt) -> Outcome | Committed:
        """Runs one claim. A success is committed with the step's transaction; anything else is an outcome still to be committed."""
        try:
            async with self.adapter.transaction() as connection:
                attempt.context.use(connection)
                outcome = await _handle(attempt)
                committed = await self._record(attempt, outcome, connection)
        except _Refused:
            return Outcome(attempt.claim, None, error="no longer called for")
        except _Waits as error:
            return attempt.ongoing(LOCKED_PAUSE_SECONDS, str(error))
        except Exception as error:  # noqa: BLE001 (whatever a handler raises is a technical failure)
            return self._not_done(attempt, error)
        return committed

    def _not_done(self, attempt: Attempt, error: Exception) -> Outcome:
        if isinstance(error, Reject) and attempt.claim.operation is Operation.EXECUTE:
            return attempt.rejected(error.reason)  # rolled back; the rejection is recorded like any other
        if isinstance(error, Unavailable) and attempt.has_begun:  # perhaps it is committed
            self.after_commit.recovered()  # then the next delivery sees the new letter
        return attempt.not_done(error)

    async def _record(self, attempt: Attempt, outcome: Outcome, connection: Connection) -> Committed:
        """Decides on the row that was read with the claim; if that is out of date, on the row as it is now, locked."""
        claim = attempt.claim
        group = group_of(attempt.graph, outcome)
        while True:
            notifications = Notifications()
            (plan,) = self.planner.plan([group], notifications)
            if plan.is_open:
                (plan,) = await self.planner.settled([group], [plan], notifications, self.adapter.store)
            before, after = group.state.vector[claim.step], plan.decision.state.vector[claim.step]
            if before == after or after not in _DONE[claim.operation]:
                raise _Refused
            plan.sent_at = self.clock.monotonic()
            # NOTIFY stays out of a handler's transaction: at commit it takes a lock on the whole database
            try:
                conflicts = await self.adapter.store.commit(
                    [plan.write],
                    Notifications(),
                    process=self.identity.number,
                    durable=True,
                    wait=True,
                    connection=connection,
                )
            except Locked as error:
                raise _Waits(str(error)) from error
            if not conflicts:
                return Committed(group, plan, notifications)
            if conflicts[0].state is None:
                raise _Refused
            group.rebase(conflicts[0].version, conflicts[0].state)


async def _handle(attempt: Attempt) -> Outcome:
    if attempt.claim.operation is Operation.EXECUTE:
        return attempt.succeeded(await attempt.execute())
    await attempt.compensate(attempt.claim.results.get(attempt.claim.step))
    return attempt.compensated()
