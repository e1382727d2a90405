"""Outcomes and notifications that wait for their commit."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice
from typing import Final

from saga.ports.values.claim import Claim
from saga.ports.values.notification import Notifications
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.timing.wakeup import Wakeup

BATCH_SAGAS_MAX: Final = 256
BATCH_BYTES_MAX: Final = 1024 * 1024
"""Maximum number of bytes of results that several sagas commit together, or of inputs that start together. A larger statement costs the
server more than its parts: it copies arrays, and for each large copy it asks the system for new memory."""


class OutcomeQueue:
    """Groups outcomes by saga. A saga whose group is being committed waits: its next group is taken after that."""

    def __init__(self) -> None:
        self._pending: dict[int, OutcomeGroup] = {}  # by the id's number: a UUID's hash is slow
        self._busy: dict[int, OutcomeGroup] = {}
        self._notifications = Notifications()
        self._wanted = Wakeup()
        self._actions: asyncio.Queue[OutcomeGroup] = asyncio.Queue()
        self._acting = 0  # actions that are not committed yet
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, group: OutcomeGroup) -> None:
        """Enqueues outcomes. They are committed as soon as possible, and retried until the store has answered."""
        waiting = self._pending.get(group.saga.int)
        if waiting is None:
            self._pending[group.saga.int] = group
        else:
            waiting.outcomes.extend(group.outcomes)
            waiting.settled.extend(group.settled)
            waiting.extra = (*waiting.extra, *group.extra)
            waiting.wake_seconds = group.wake_seconds if waiting.wake_seconds is None else waiting.wake_seconds
            if group.version > waiting.version:
                waiting.rebase(group.version, group.state)
        self._idle.clear()
        self._wanted.ring()

    def settle(self, group: OutcomeGroup) -> asyncio.Future[bool]:
        """Enqueues a group. The future is resolved when it is committed or obsolete, with whether it has changed the saga."""
        settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        group.settled.append(settled)
        self.add(group)
        return settled

    def apply(self, group: OutcomeGroup) -> asyncio.Future[bool]:
        """Enqueues the action of an operator, which is committed apart. The future is resolved with whether it was committed.

        It was not if the saga has another version by now, or if the request of the action is in the audit. The future raises
        InputRefused if the store refuses it.
        """
        settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        group.settled.append(settled)
        self._acting += 1
        self._idle.clear()
        self._actions.put_nowait(group)
        return settled

    async def next_action(self) -> OutcomeGroup:
        """Waits for the action of an operator. `applied` must follow."""
        return await self._actions.get()

    def applied(self, group: OutcomeGroup) -> None:
        """This action is dealt with."""
        self._acting -= 1
        for future in group.settled:
            if future.done():  # nobody waits for it any more
                continue
            if group.refusal is not None:
                future.set_exception(group.refusal)
            else:
                future.set_result(group.is_changed)
        self._rest()

    def notify(self, notifications: Notifications) -> None:
        """Sends these notifications with the next commit."""
        self._notifications.add(notifications)
        if _has_recipients(self._notifications):
            self._idle.clear()
            self._wanted.ring()

    def unsettled(self) -> dict[int, Claim]:
        """Claims that have ended here and whose outcome is not committed yet, by their numbers."""
        groups = (*self._pending.values(), *self._busy.values())
        return {outcome.claim.number: outcome.claim for group in groups for outcome in group.outcomes}

    async def drained(self) -> None:
        """Returns when everything that was added is committed."""
        await self._idle.wait()

    async def take(self) -> tuple[list[OutcomeGroup], Notifications]:
        """Waits for the next batch. `release` must follow."""
        while True:
            await self._wanted.wait()
            groups, notifications = self._next_batch()
            if groups or _has_recipients(notifications):
                break
        if self._pending:
            self._wanted.ring()
        for group in groups:
            self._busy[group.saga.int] = group
        return groups, notifications

    def release(self, groups: Sequence[OutcomeGroup]) -> None:
        """These groups are dealt with: the next ones of their sagas may be taken."""
        for group in groups:
            del self._busy[group.saga.int]
            for future in group.settled:
                if not future.done():
                    future.set_result(group.is_changed)
        self._rest()

    def _rest(self) -> None:
        if self._pending or _has_recipients(self._notifications):
            self._wanted.ring()
        elif not self._busy and not self._acting:
            self._idle.set()

    def _next_batch(self) -> tuple[list[OutcomeGroup], Notifications]:
        notifications, self._notifications = self._notifications, Notifications()
        free: Iterable[int] = self._pending
        if not self._busy.keys().isdisjoint(self._pending):
            free = (saga for saga in self._pending if saga not in self._busy)
        sagas = list(islice(free, BATCH_SAGAS_MAX))
        sizes = [_result_bytes(self._pending[saga]) for saga in sagas]
        return [self._pending.pop(saga) for saga in sagas[: count_that_fits(sizes)]], notifications


def count_that_fits(sizes: Sequence[int]) -> int:
    """Returns how many of these, at least one, have at most `BATCH_BYTES_MAX` bytes together."""
    if sum(sizes) <= BATCH_BYTES_MAX:
        return len(sizes)
    return max(bisect_right(list(accumulate(sizes)), BATCH_BYTES_MAX), 1)


def _result_bytes(group: OutcomeGroup) -> int:
    size = 0
    for outcome in group.outcomes:
        if outcome.value is not None:
            size += len(outcome.value)
    return size


def _has_recipients(notifications: Notifications) -> bool:
    return bool(notifications.claim_refs or notifications.services or notifications.ended)
