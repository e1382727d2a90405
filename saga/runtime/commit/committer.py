"""Group commit: outcomes that finish while a commit is in progress are committed together by the next one. No timer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from msgspec import structs

from saga.core.rules import events as ev
from saga.core.text import ascii_text, named, storable
from saga.errors import AlreadyExists, InputRefused, Locked, SagaError, ServerFailed
from saga.logger import get_logger
from saga.ports.clock import Clock
from saga.ports.store import Store
from saga.ports.values.audit import Action
from saga.ports.values.notification import Notifications
from saga.ports.values.write import WriteConflict
from saga.runtime.after_commit import AfterCommit
from saga.runtime.commit.backoff import Backoff
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.identity import ProcessIdentity
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.planner import CommitPlanner
from saga.runtime.telemetry import Meter

COMMITS_AT_ONCE: Final = 2
APART_AT_ONCE: Final = 2
"""Attempts at once for sagas that are committed apart, each of which holds a connection for `LOCK_SECONDS_MAX` of the store at most."""
UNFORESEEN_MAX: Final = 3  # failures of a commit by an error that is not one of ours; then its one outcome is to blame
CONFLICTS_MAX: Final = 3  # then the saga is committed apart, and waits for its row


class Committer:
    """Commits what is in the outcome queue, and reports each commit to `after_commit`: persist, then send.

    No saga waits for another: one whose row is locked, or at which the server fails, is committed apart, in a task of its own.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (wired in one place)
        self,
        store: Store,
        clock: Clock,
        identity: ProcessIdentity,
        queue: OutcomeQueue,
        planner: CommitPlanner,
        after_commit: AfterCommit,
        meter: Meter,
    ) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self.queue = queue
        self._planner = planner
        self._after_commit = after_commit
        self._meter = meter
        self._apart = asyncio.Semaphore(APART_AT_ONCE)
        self._tasks = asyncio.TaskGroup()
        self._log = get_logger("saga.committer")

    async def run(self) -> None:
        """Commits until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._act())
            for _ in range(COMMITS_AT_ONCE):
                self._tasks.create_task(self._work())

    async def _act(self) -> None:
        """Commits the actions of operators, each apart: its saga must not change between its decision and its commit."""
        while True:
            group = await self.queue.next_action()
            group.is_apart = True
            self._tasks.create_task(self._commit_action(group))

    async def _commit_action(self, group: OutcomeGroup) -> None:
        try:
            await self._commit([group], Notifications(), wait=True, alone=True)
        finally:
            self.queue.applied(group)

    async def _work(self) -> None:
        while True:
            groups, notifications = await self.queue.take()
            try:
                await self._commit(groups, notifications)
            finally:
                self.queue.release([group for group in groups if not group.is_apart])

    def _set_apart(self, groups: Sequence[OutcomeGroup], *, is_retry: bool) -> None:
        for group in groups:
            group.is_apart = True
            self._tasks.create_task(self._commit_apart(group, is_retry=is_retry))

    async def _commit_apart(self, group: OutcomeGroup, *, is_retry: bool) -> None:
        """Commits one saga until the server has answered, however long that takes, while others go on."""
        try:
            await self._commit([group], Notifications(), wait=True, alone=True, is_retry=is_retry)
        finally:
            self.queue.release([group])

    async def _commit(
        self,
        groups: Sequence[OutcomeGroup],
        notifications: Notifications,
        *,
        wait: bool = False,
        alone: bool = False,
        is_retry: bool = False,
    ) -> None:
        """Commits until the store has answered, or sets the sagas apart.

        `alone`: if it is refused, the one outcome is to blame. `is_retry`: an earlier attempt may have been committed.
        """
        backoff, unforeseen = Backoff(self._clock, is_retry=is_retry), 0
        is_apart = bool(groups) and groups[0].is_apart
        while True:
            try:
                async with self._apart if is_apart else nullcontext():
                    plans, conflicts, sent_at = await self._try(groups, notifications, wait=wait)
            except InputRefused as error:  # the only error that an outcome itself can cause
                notifications.drop_inline()
                await self._refused(groups, notifications, error, alone=alone)
                break
            except (
                AlreadyExists
            ):  # the action was committed by an earlier attempt, or the same request by another process
                notifications.drop_inline()
                break
            except SagaError as error:  # the commit may have been made: plan again under the rows' locks
                notifications.drop_inline()  # the claims of this attempt may not exist
                if isinstance(error, ServerFailed | Locked) and not is_apart:  # perhaps because of one of them
                    self._log.warning("commit failed, committing each saga apart", sagas=len(groups), error=str(error))
                    self._notify_later(groups, notifications, error)
                    self._set_apart(groups, is_retry=backoff.is_retry)
                    return
                self._log.warning("commit unknown, retrying", sagas=len(groups), error=str(error))
                wait = True
                await backoff.pause()
            except Exception as error:  # noqa: BLE001 (a bad outcome fails alone, whatever it breaks)
                self._log.exception("commit failed for a reason that nobody foresaw", sagas=len(groups))
                notifications.drop_inline()
                unforeseen += 1
                if not alone or unforeseen > UNFORESEEN_MAX:
                    await self._refused(groups, notifications, InputRefused(named(error)), alone=alone)
                    break
                wait = True
                await backoff.pause()
            else:
                self._meter.wrote("outcomes", len(groups), self._clock.monotonic() - sent_at)
                self._pass_on(groups, plans, {conflict.position for conflict in conflicts}, sent_at)
                await self._retry(self._rebased(groups, conflicts, alone=wait))
                break
        if backoff.is_retry:  # an earlier attempt may have made claims for this process
            self._after_commit.recovered()

    async def _try(
        self, groups: Sequence[OutcomeGroup], notifications: Notifications, *, wait: bool
    ) -> tuple[Sequence[CommitPlan], Sequence[WriteConflict], float]:
        plans = self._planner.plan(groups, notifications)
        sent_at = self._clock.monotonic()
        if any(plan.is_open for plan in plans):
            plans = await self._planner.settled(groups, plans, notifications, self._store)
            sent_at = self._clock.monotonic()
        writes, process = [plan.write for plan in plans], self._identity.number
        conflicts = await self._store.commit(writes, notifications, process=process, durable=True, wait=wait)
        return plans, conflicts, sent_at

    def _pass_on(
        self, groups: Sequence[OutcomeGroup], plans: Sequence[CommitPlan], conflicts: set[int], sent_at: float
    ) -> None:
        for position, (group, plan) in enumerate(zip(groups, plans, strict=True)):
            if position not in conflicts:
                plan.sent_at = sent_at
                group.is_changed = plan.decision.changed
                self._planner.remember(plan)
                self._after_commit.committed(group, plan)

    def _rebased(
        self, groups: Sequence[OutcomeGroup], conflicts: Sequence[WriteConflict], *, alone: bool
    ) -> list[OutcomeGroup]:
        """Moves each conflicting group to the current row of its saga. Returns those that still have something to commit."""
        for conflict in conflicts:
            self._rebase(groups[conflict.position], conflict, alone=alone)
        left = (groups[conflict.position] for conflict in conflicts if conflict.state is not None)
        return [group for group in left if group.outcomes or group.extra]

    def _rebase(self, group: OutcomeGroup, conflict: WriteConflict, *, alone: bool) -> None:
        self._planner.forget(group)
        if group.action is not None:
            group.extra = ()  # it must be decided again, by its caller
            return
        if conflict.state is None:
            return
        if conflict.is_event_gone:  # another step has consumed it: the wait looks into the inbox again (G55, G56)
            group.outcomes = _without_gone_events(group.outcomes)
        # The row is unchanged: a step that was never claimed is claimed by now, or, the second time, the rejection is of an old claim
        elif alone and conflict.version == group.version and (not group.unclaimed or group.conflicts > CONFLICTS_MAX):
            group.outcomes = [outcome for outcome in group.outcomes if not outcome.is_fenced]
        group.rebase(conflict.version, conflict.state)
        group.store_clock = conflict.store_clock
        group.conflicts += 1

    async def _retry(self, groups: Sequence[OutcomeGroup]) -> None:
        """Commits conflicting groups again, all together. One with too many conflicts waits for its row, apart."""
        if groups and groups[0].is_apart:
            await self._commit(groups, Notifications(), wait=True, alone=True)
            return
        self._set_apart([group for group in groups if group.conflicts >= CONFLICTS_MAX], is_retry=False)
        again = [group for group in groups if group.conflicts < CONFLICTS_MAX]
        if again:
            await self._commit(again, Notifications())

    def _notify_later(self, groups: Sequence[OutcomeGroup], notifications: Notifications, error: SagaError) -> None:
        """Some are about steps that are already committed. A reference to a claim that does not exist is harmless."""
        if groups:
            self.queue.notify(notifications)
        else:  # nothing else was written, so they are to blame; polls find what they were about
            self._log.warning("notifications cannot be sent, dropping them", error=str(error))

    async def _refused(
        self, groups: Sequence[OutcomeGroup], notifications: Notifications, error: SagaError, *, alone: bool
    ) -> None:
        """One outcome that cannot be stored must not fail its batch, and a notification that cannot be sent no outcome."""
        if not alone:
            self._notify_later(groups, notifications, error)
            for group in groups:
                await self._commit([group], Notifications(), alone=True)
            return
        (group,) = groups
        self._log.error("outcome cannot be stored", saga=str(group.saga), error=str(error))
        _rewrite(group, error)
        group.conflicts += 1
        if group.conflicts <= CONFLICTS_MAX:
            await self._commit([group], Notifications(), alone=True)
        elif group.action is not None:
            group.refusal = error


def _without_gone_events(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Lets the waits look again. Of several that have found the same event, the first keeps it: they would all find it again together."""
    firsts = {outcome.consumes: outcome for outcome in reversed(outcomes)}
    consuming = [outcome for outcome in outcomes if outcome.consumes is not None]
    is_shared = any(firsts[outcome.consumes] is not outcome for outcome in consuming)
    return [
        outcome
        if outcome.consumes is None or (is_shared and firsts[outcome.consumes] is outcome)
        else Outcome(outcome.claim, None)
        for outcome in outcomes
    ]


def _rewrite(group: OutcomeGroup, error: SagaError) -> None:
    """Writes all words in ASCII: the encoding of the database may lack one of their letters. If they are, the results are to blame."""
    extra = [_in_ascii(event) for event in group.extra]
    outcomes = [_outcome_in_ascii(outcome) for outcome in group.outcomes]
    action = None if group.action is None else _action_in_ascii(group.action)
    is_ascii = extra == list(group.extra) and outcomes == group.outcomes and action == group.action
    group.extra, group.action = extra, action
    group.outcomes = [_unstorable(outcome, error) for outcome in outcomes] if is_ascii else outcomes


def _action_in_ascii(action: Action) -> Action:
    reason = None if action.reason is None else ascii_text(action.reason)
    return structs.replace(action, actor=ascii_text(action.actor), reason=reason)


def _outcome_in_ascii(outcome: Outcome) -> Outcome:
    event = None if outcome.event is None else _in_ascii(outcome.event)
    first = None if outcome.first is None else _in_ascii(outcome.first)
    return structs.replace(
        outcome, event=event, first=first, error=None if outcome.error is None else ascii_text(outcome.error)
    )


def _in_ascii(event: ev.Event) -> ev.Event:
    match event:
        case ev.Rejected() | ev.RollbackRequested():
            return structs.replace(event, reason=ascii_text(event.reason))
        case ev.Failed():
            return structs.replace(event, error=ascii_text(event.error))
    return event


def _unstorable(outcome: Outcome, error: SagaError) -> Outcome:
    if outcome.event is None:
        return outcome
    claim, text = outcome.claim, ascii_text(storable(f"its outcome cannot be stored: {error}"))
    failures, operation = claim.failures + 1, claim.operation
    event = ev.Failed(claim.step, text, failures, claim.first_failed_ago, final=True, operation=operation)
    return Outcome(claim, event, error=text)
