"""Inline claims and end statuses: they travel inside a notification, so that the receiver need not query the store.

The store's adapter knows how much its notifications can carry, and sends references instead of the rest.
"""

from __future__ import annotations

from saga.ports.values.claim import Claim
from saga.ports.values.notification import Notifications
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.handover import end_status, next_claim
from saga.runtime.planning.outcome_group import OutcomeGroup


def add_inline(
    group: OutcomeGroup, plan: CommitPlan, notifications: Notifications, *, process: int, lease_until: float
) -> None:
    """Adds what other processes then need not fetch. `lease_until` is on the store's clock."""
    for dispatch in plan.write.dispatches:
        if dispatch.owner is None or dispatch.owner == process:
            continue
        claim = next_claim(group, plan, dispatch, lease_until - group.store_clock)
        if isinstance(claim, Claim):
            notifications.claims.setdefault(dispatch.owner, []).append(claim)
    if plan.is_ending and group.waiter is not None and group.waiter != process:
        status = end_status(group, plan)
        if status is not None:
            notifications.statuses.setdefault(group.waiter, {})[group.saga] = status
