"""Inline claims and end statuses: small ones travel inside a notification, so that the receiver need not query the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic_core import to_json

from saga.ports.values.claim import Claim
from saga.ports.values.notification import Notifications
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.handover import end_status, next_claim
from saga.runtime.planning.outcome_group import OutcomeGroup

INLINE_BYTES_MAX: Final = 1_000  # input, results and reason; a larger claim is fetched by its reference


def add_inline(
    group: OutcomeGroup, plan: CommitPlan, notifications: Notifications, *, process: int, lease_until: float
) -> None:
    """Adds what other processes then need not fetch. `lease_until` is on the store's clock."""
    for dispatch in plan.write.dispatches:
        if dispatch.owner is None or dispatch.owner == process:
            continue
        claim = next_claim(group, plan, dispatch, lease_until - group.store_clock)
        if isinstance(claim, Claim) and fits_inline(claim.input, claim.results, claim.state.reason):
            notifications.claims.setdefault(dispatch.owner, []).append(claim)
    if plan.is_ending and group.waiter is not None and group.waiter != process:
        status = end_status(group, plan)
        if status is not None and fits_inline(status.input or b"", status.results, status.reason):
            notifications.statuses.setdefault(group.waiter, {})[group.saga] = status


def fits_inline(payload: bytes, results: Mapping[int, bytes], reason: str | None = None) -> bool:
    """Returns whether this is small enough. The reason counts too: a handler or an operator may have written a long one."""
    reason_bytes = 0 if reason is None else len(to_json(reason))
    return reason_bytes + len(payload) + sum(map(len, results.values())) <= INLINE_BYTES_MAX
