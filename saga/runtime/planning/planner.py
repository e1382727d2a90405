"""Plans commits on the newest row of a saga that this process knows."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from saga.core.state.saga_state import State
from saga.ports.store import Store
from saga.ports.values.claim import CommandRef
from saga.ports.values.notification import Notifications
from saga.runtime.planning.assignment import Routes
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.inline import add_inline
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.plan import plan
from saga.runtime.timing.store_clock import StoreClock

KNOWN_SAGAS_MAX: Final = 10_000


class DeadlinePolicy(Protocol):
    """Decides whether deadlines count now. Implemented by `saga.runtime.leader_watch.LeaderWatch`."""

    def is_deadline_enforced(self) -> bool: ...


class CommitPlanner:
    """Remembers the rows that this process has written, so that the next outcome of a saga is decided without reading it."""

    def __init__(self, clock: StoreClock, routes: Routes, deadlines: DeadlinePolicy, lease_seconds: float) -> None:
        self._clock = clock
        self._routes = routes
        self._deadlines = deadlines
        self._lease_seconds = lease_seconds
        # By the id's number: a UUID's hash is slow. Ordered: a plain dict finds its oldest entry only behind all deleted ones.
        self._rows: OrderedDict[int, tuple[int, State]] = OrderedDict()

    def plan(self, groups: Iterable[OutcomeGroup], notifications: Notifications) -> list[CommitPlan]:
        """Decides each group on the newest known row of its saga. Adds to `notifications`."""
        here, is_enforced = self._clock.monotonic(), self._deadlines.is_deadline_enforced()
        return [self._plan(group, notifications, here, enforce_deadline=is_enforced) for group in groups]

    def _plan(
        self, group: OutcomeGroup, notifications: Notifications, here: float, *, enforce_deadline: bool
    ) -> CommitPlan:
        row = self._rows.get(group.saga.int)
        if row is not None and row[0] > group.version and group.action is None:
            group.rebase(*row)
        now = group.store_clock + here
        jitter = random.random()  # noqa: S311 (spreads retries)
        planned = plan(group, self._routes, notifications, now=now, jitter=jitter, enforce_deadline=enforce_deadline)
        if notifications.claim_refs or notifications.ended:
            lease_until = self._clock.offset + here + self._lease_seconds
            process = self._routes.identity.number
            add_inline(group, planned, notifications, process=process, lease_until=lease_until)
        return planned

    async def settled(
        self, groups: Sequence[OutcomeGroup], plans: Sequence[CommitPlan], notifications: Notifications, store: Store
    ) -> list[CommitPlan]:
        """Plans the open ones again, with what the store knows: of claims (G135, only for a rollback), or of what conditions read.

        Raises:
            Unavailable: the store did not answer.
        """
        settled = list(plans)
        while still_open := [n for n, planned in enumerate(settled) if planned.is_open]:
            await self._ask_for_claims([(groups[n], settled[n].doubts) for n in still_open if settled[n].doubts], store)
            for n in still_open:
                if settled[n].lacks_facts:
                    groups[n].facts = await store.facts(groups[n].saga, groups[n].graph.read_by_conditions)
                (settled[n],) = self.plan([groups[n]], notifications)
        return settled

    @staticmethod
    async def _ask_for_claims(doubtful: Sequence[tuple[OutcomeGroup, list[int]]], store: Store) -> None:
        if doubtful:
            refs = [CommandRef(group.saga, step) for group, steps in doubtful for step in steps]
            unclaimed = await store.unclaimed(refs)
            for group, steps in doubtful:
                group.unclaimed = frozenset(step for step in steps if CommandRef(group.saga, step) in unclaimed)

    def remember(self, planned: CommitPlan) -> None:
        """The write is committed: decide the next outcome of this saga on it."""
        write = planned.write
        if not write.changed:
            return
        if write.state.phase.is_terminal:
            self._rows.pop(write.saga.int, None)
            return
        self._rows[write.saga.int] = (write.version + 1, write.state)
        if len(self._rows) > KNOWN_SAGAS_MAX:
            self._rows.popitem(last=False)

    def forget(self, group: OutcomeGroup) -> None:
        """The known row of this saga is out of date."""
        self._rows.pop(group.saga.int, None)
