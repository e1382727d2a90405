"""What a commit tells the next process: the next claim and the end of a saga whole, where they are small and in memory, else by address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic_core import to_json

from saga.core.definition.paths import reads
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications, SagaStatus
from saga.ports.values.write import Dispatch
from saga.runtime.planning.plan import CommitPlan, OutcomeGroup

WHOLE_BYTES_MAX: Final = 1_000  # input, results and reason of a claim that is told whole; a larger one is asked for


def handed_over(group: OutcomeGroup, made: CommitPlan, dispatch: Dispatch, lease_ends: float) -> Claim | CommandRef:
    """The next claim as work, if all that it needs is in memory; else its address. `lease_ends` is on this process's clock."""
    step = group.graph.steps[dispatch.step]
    if not group.outcomes or dispatch.claim is None:
        return CommandRef(group.saga, dispatch.step)
    known = results_in(group, made)
    needed = (*step.reads, dispatch.step) if dispatch.operation is Operation.COMPENSATE else step.reads
    if needed and not known.keys() >= set(needed):
        return CommandRef(group.saga, dispatch.step)
    before = group.outcomes[0].claim
    return Claim(
        saga=group.saga,
        step=dispatch.step,
        operation=dispatch.operation,
        number=dispatch.claim,
        definition=before.definition,
        version=made.write.version + 1,
        state=made.write.state,
        waiter=group.waiter,
        input=before.input,
        results=known,
        deliveries=1,
        failures=0,
        first_failed_ago=0.0,
        lease_ends=lease_ends,
        quiet_at=0.0,
        progress=None,
        store_clock=group.store_clock,
        trace=before.trace,
    )


def standing_of(group: OutcomeGroup, made: CommitPlan) -> SagaStatus | None:
    """How a saga has just ended, if all that it returns is in memory."""
    if not group.outcomes:
        return None
    state, claim = made.write.state, group.outcomes[0].claim
    if state.phase is not Phase.COMPLETED or group.graph.returns is None:
        return SagaStatus(claim.definition, state.phase, state.reason, None, {})
    results = results_in(group, made)
    if not results.keys() >= set(map(group.graph.position, reads(group.graph.returns))):
        return None
    return SagaStatus(claim.definition, state.phase, state.reason, claim.input, results)


def tell_whole(
    group: OutcomeGroup, made: CommitPlan, notifications: Notifications, *, process: int, lease_until: float
) -> None:
    """Add to the signals what other processes need not ask for. `lease_until` is on the store's clock."""
    for dispatch in made.write.dispatches:
        if dispatch.owner is None or dispatch.owner == process:
            continue
        claim = handed_over(group, made, dispatch, lease_until - group.store_clock)
        if isinstance(claim, Claim) and is_small(claim.input, claim.results, claim.state.reason):
            notifications.claims.setdefault(dispatch.owner, []).append(claim)
    if made.is_ending and group.waiter is not None and group.waiter != process:
        standing = standing_of(group, made)
        if standing is not None and is_small(standing.input or b"", standing.results, standing.reason):
            notifications.statuses.setdefault(group.waiter, {})[group.saga] = standing


def is_small(payload: bytes, results: Mapping[int, bytes], reason: str | None = None) -> bool:
    """Whether it can be told whole. A reason is as long as a handler or a person made it."""
    said = 0 if reason is None else len(to_json(reason))
    return said + len(payload) + sum(map(len, results.values())) <= WHOLE_BYTES_MAX


def results_in(group: OutcomeGroup, made: CommitPlan) -> dict[int, bytes]:
    """The results, by step, that the store has: those that these outcomes were made from, and those that this write records."""
    first, *others = group.outcomes
    known = first.claim.results.copy()
    for outcome in others:
        known.update(outcome.claim.results)
    for result in made.write.results:
        if result.value is not None:
            known.setdefault(result.step, result.value)  # of two successes in one batch the store keeps the first
    return known
