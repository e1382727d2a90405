"""Group commit: outcomes that finish while a commit is under way are committed together by the next one. No timer."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final

import structlog

from saga.core.rules import events as ev
from saga.core.state.saga_state import State
from saga.errors import InputRefused, SagaError
from saga.ports.adapter import StoreAdapter
from saga.ports.clock import Clock
from saga.ports.values.claim import Claim
from saga.ports.values.notification import Notifications
from saga.ports.values.write import WriteConflict
from saga.runtime.planning.handover import tell_whole
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.plan import CommitPlan, OutcomeGroup, Routes, plan
from saga.runtime.telemetry import SILENT, Meter
from saga.runtime.timing.wakeup import Wakeup

BATCH_SAGAS_MAX: Final = 256
COMMITS_AT_ONCE: Final = 2
CONFLICTS_MAX: Final = 3  # then the saga goes alone and waits for its row
KNOWN_SAGAS_MAX: Final = 10_000
RETRY_FIRST_SECONDS: Final = 0.05
RETRY_CAP_SECONDS: Final = 2.0


class Committer:
    """Commits groups of outcomes and passes on what follows: persist, then send."""

    def __init__(
        self,
        adapter: StoreAdapter,
        clock: Clock,
        routes: Routes,
        on_committed: Callable[[OutcomeGroup, CommitPlan], None],
        is_deadline_enforced: Callable[[], bool],
        on_recovered: Callable[[], None],
    ) -> None:
        self._store = adapter.store
        self._clock = clock
        self._routes = routes
        self._on_committed = on_committed
        self._is_deadline_enforced = is_deadline_enforced
        self.store_clock = 0.0  # minus ours, as the last beat saw it
        self._lease_seconds = adapter.options.lease_seconds
        self.on_recovered = on_recovered  # a commit whose answer was lost may have made claims for us
        self.meter: Meter = SILENT.meter
        self._pending: dict[int, OutcomeGroup] = {}  # by the id's number: a UUID's hash is slow
        self._busy: dict[int, OutcomeGroup] = {}
        self._signals = Notifications()
        self._wanted = Wakeup()
        self._idle = asyncio.Event()
        self._idle.set()
        # Ordered: in a dict the oldest is behind all that were deleted.
        self._known: OrderedDict[int, tuple[int, State]] = OrderedDict()
        self._log = structlog.get_logger("saga.committer")

    # -- in -------------------------------------------------------------------------------------------------------------------

    def add(self, group: OutcomeGroup) -> None:
        """Hand over outcomes; they are committed as soon as possible, and retried until the store has answered."""
        waiting = self._pending.get(group.saga.int)
        if waiting is None:
            self._pending[group.saga.int] = group
        else:
            waiting.outcomes.extend(group.outcomes)
            waiting.settled.extend(group.settled)
            waiting.extra = (*waiting.extra, *group.extra)
            waiting.wake_seconds = group.wake_seconds if waiting.wake_seconds is None else waiting.wake_seconds
            if group.version > waiting.version:
                waiting.version, waiting.state = group.version, group.state
        self._idle.clear()
        self._wanted.ring()

    async def settle(self, group: OutcomeGroup) -> bool:
        """Hand over a group and return when it is dealt with, whatever else there is to commit: whether it changed the saga."""
        settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        group.settled.append(settled)
        self.add(group)
        return await settled

    def tell(self, notifications: Notifications) -> None:
        """Send signals with the next commit."""
        self._signals.add(notifications)
        if self._has_signals():
            self._idle.clear()
            self._wanted.ring()

    def plan(self, groups: Iterable[OutcomeGroup], notifications: Notifications) -> list[CommitPlan]:
        """What the outcomes of each group call for, on the row that it knows."""
        here, is_enforced = self._clock.monotonic(), self._is_deadline_enforced()
        return [self._plan(group, notifications, here, enforce_deadline=is_enforced) for group in groups]

    def _plan(
        self, group: OutcomeGroup, notifications: Notifications, here: float, *, enforce_deadline: bool
    ) -> CommitPlan:
        known = self._known.get(group.saga.int)
        if known is not None and known[0] > group.version:
            group.version, group.state = known
        now = group.store_clock + here
        jitter = random.random()  # noqa: S311 (spreads retries)
        made = plan(group, self._routes, notifications, now=now, jitter=jitter, enforce_deadline=enforce_deadline)
        if notifications.claim_refs or notifications.ended:
            lease_until = self.store_clock + here + self._lease_seconds
            tell_whole(group, made, notifications, process=self._routes.process, lease_until=lease_until)
        return made

    def remember(self, made: CommitPlan) -> None:
        """A write is committed: the next outcome of this saga is decided on it."""
        write = made.write
        if not write.changed:
            return
        if write.state.phase.is_terminal:
            self._known.pop(write.saga.int, None)
            return
        self._known[write.saga.int] = (write.version + 1, write.state)
        if len(self._known) > KNOWN_SAGAS_MAX:
            self._known.popitem(last=False)

    # -- the loop -------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Commit until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(COMMITS_AT_ONCE):
                tasks.create_task(self._work())

    def unsettled(self) -> dict[int, Claim]:
        """Claims that have ended here, and whose end is not committed yet, by their numbers."""
        groups = (*self._pending.values(), *self._busy.values())
        return {outcome.claim.number: outcome.claim for group in groups for outcome in group.outcomes}

    async def drained(self) -> None:
        """Return when everything that was added is committed."""
        await self._idle.wait()

    async def _work(self) -> None:
        while True:
            await self._wanted.wait()
            groups, notifications = self._take()
            if not groups and not _any(notifications):
                continue
            if self._pending:
                self._wanted.ring()
            for group in groups:
                self._busy[group.saga.int] = group
            try:
                await self._commit(groups, notifications)
            finally:
                for group in groups:
                    del self._busy[group.saga.int]
                    _wake(group)
                if self._pending or self._has_signals():
                    self._wanted.ring()
                elif not self._busy:
                    self._idle.set()

    def _take(self) -> tuple[list[OutcomeGroup], Notifications]:
        notifications, self._signals = self._signals, Notifications()
        if self._busy.keys().isdisjoint(self._pending):
            free = list(islice(self._pending, BATCH_SAGAS_MAX))
        else:
            free = list(islice((saga for saga in self._pending if saga not in self._busy), BATCH_SAGAS_MAX))
        return [self._pending.pop(saga) for saga in free], notifications

    async def _commit(
        self, groups: Sequence[OutcomeGroup], notifications: Notifications, *, wait: bool = False
    ) -> None:
        pause, is_unknown = RETRY_FIRST_SECONDS, False
        while True:
            plans = self.plan(groups, notifications)
            writes = [made.write for made in plans]
            sent_at = self._clock.monotonic()
            try:
                process = self._routes.process
                conflicts = await self._store.commit(writes, notifications, process=process, durable=True, wait=wait)
            except InputRefused as error:  # the only fault that can lie in an outcome
                notifications.drop_inline()
                self.tell(
                    notifications
                )  # with it went what committed steps had to tell; an address of nothing harms nobody
                await self._one_by_one(groups, error)
                return
            except SagaError as error:  # unknown: it may have been committed; look again under the rows' locks
                self._log.warning("commit unknown, will look again", sagas=len(groups), error=str(error))
                notifications.drop_inline()  # the claims of this try may never have been made
                wait = is_unknown = True
                await self._clock.sleep(pause)
                pause = min(pause * 2, RETRY_CAP_SECONDS)
            else:
                self.meter.wrote("outcomes", len(groups), self._clock.monotonic() - sent_at)
                self._pass_on(groups, plans, {conflict.position for conflict in conflicts}, sent_at)
                conflicted = [(groups[conflict.position], conflict) for conflict in conflicts]
                await self._again(
                    [group for group, conflict in conflicted if self._rebase(group, conflict, alone=wait)]
                )
                if is_unknown:
                    self.on_recovered()
                return

    def _pass_on(
        self, groups: Sequence[OutcomeGroup], plans: Sequence[CommitPlan], conflicted: set[int], sent_at: float
    ) -> None:
        for position, (group, made) in enumerate(zip(groups, plans, strict=True)):
            if position not in conflicted:
                made.sent_at = sent_at
                group.is_changed = made.decision.changed
                self.remember(made)
                self._on_committed(group, made)

    def _rebase(self, group: OutcomeGroup, conflict: WriteConflict, *, alone: bool) -> bool:
        """Put the group on the row as it is now; whether there is anything of it left to commit."""
        self._known.pop(group.saga.int, None)
        if conflict.state is None:
            return False
        if alone and conflict.version == group.version:  # the row has not moved: a rejection is from an older claim
            group.outcomes = [outcome for outcome in group.outcomes if not outcome.is_fenced]
        group.version, group.state, group.store_clock = conflict.version, conflict.state, conflict.store_clock
        group.conflicts += 1
        return bool(group.outcomes or group.extra)

    async def _again(self, groups: Sequence[OutcomeGroup]) -> None:
        """Retries the conflicts of a batch together, and those that conflicted too often each alone."""
        patient = [group for group in groups if group.conflicts >= CONFLICTS_MAX]
        if len(patient) < len(groups):
            await self._commit([group for group in groups if group.conflicts < CONFLICTS_MAX], Notifications())
        for group in patient:
            await self._commit([group], Notifications(), wait=True)

    async def _one_by_one(self, groups: Sequence[OutcomeGroup], error: SagaError) -> None:
        """One poisoned outcome must not fail its batch."""
        if len(groups) > 1:
            for group in groups:
                await self._commit([group], Notifications())
            return
        group = groups[0]
        self._log.error("outcome cannot be stored", saga=str(group.saga), error=str(error))
        group.outcomes = [_unstorable(outcome, error) for outcome in group.outcomes]
        group.conflicts += 1
        if group.conflicts <= CONFLICTS_MAX:
            await self._commit([group], Notifications())

    def _has_signals(self) -> bool:
        return _any(self._signals)


def _wake(group: OutcomeGroup) -> None:
    for future in group.settled:
        if not future.done():
            future.set_result(group.is_changed)


def _any(notifications: Notifications) -> bool:
    return bool(notifications.claim_refs or notifications.services or notifications.ended)


def _unstorable(outcome: Outcome, error: SagaError) -> Outcome:
    claim, text = outcome.claim, f"its outcome cannot be stored: {error}"
    failures, operation = claim.failures + 1, claim.operation
    event = ev.Failed(claim.step, text, failures, claim.first_failed_ago, final=True, operation=operation)
    return Outcome(claim, event, error=text)
