"""Makes the next claim and the end status of a saga from memory, without reading the store."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.definition.paths import reads
from saga.core.rules.retraction import without_retracted
from saga.core.state.letters import PENDING, RECORDED_LETTERS, SUCCEEDED
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import SagaStatus
from saga.ports.values.write import Dispatch
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.new_claim import new_claim
from saga.runtime.planning.outcome_group import OutcomeGroup

FRESH_LETTERS: Final = frozenset((PENDING, SUCCEEDED))
"""A step with one of these has no row for its next command yet, so nobody can have claimed it."""


def next_claim(group: OutcomeGroup, plan: CommitPlan, dispatch: Dispatch, lease_ends: float) -> Claim | CommandRef:
    """The claim of a dispatched command if all that it needs is in memory, else its reference.

    `lease_ends` is on this process's clock. A command that is handed on by a process that cannot run it has a row already, which knows
    of the calls and failures of earlier claims: it is fetched.
    """
    is_fresh = group.state.vector[dispatch.step] in FRESH_LETTERS
    if not group.outcomes or dispatch.claim is None or not is_fresh:
        return CommandRef(group.saga, dispatch.step)
    results = known_results(group, plan)
    if not results.keys() >= _needed(group.graph, dispatch, plan.write.state.vector):
        return CommandRef(group.saga, dispatch.step)
    return new_claim(
        group.outcomes[0].claim,
        dispatch,
        dispatch.claim,
        version=plan.write.version + 1,
        state=plan.write.state,
        waiter=group.waiter,
        results=results,
        lease_ends=lease_ends,
        store_clock=group.store_clock,
    )


def _needed(graph: Graph, dispatch: Dispatch, vector: str) -> AbstractSet[int]:
    """The steps whose results the claim of a command has."""
    carried = graph.carried[dispatch.step]
    needed = {step for step in carried if vector[step] in RECORDED_LETTERS} if carried else set()
    return needed | {dispatch.step} if dispatch.operation is Operation.COMPENSATE else needed


def end_status(group: OutcomeGroup, plan: CommitPlan) -> SagaStatus | None:
    """The status of a saga that has just ended, if all that it returns is in memory."""
    if not group.outcomes:
        return None
    state, claim = plan.write.state, group.outcomes[0].claim
    if state.phase is not Phase.COMPLETED or group.graph.returns is None:
        return SagaStatus(claim.definition, state.phase, state.reason, None, {})
    results = without_retracted(known_results(group, plan), state.vector)
    if not results.keys() >= _returned(group.graph, state.vector):
        return None
    return SagaStatus(claim.definition, state.phase, state.reason, claim.input, results)


def _returned(graph: Graph, vector: str) -> AbstractSet[int]:
    """The steps whose results the saga returns."""
    return {step for name in reads(graph.returns) if vector[step := graph.positions[name]] in RECORDED_LETTERS}


def known_results(group: OutcomeGroup, plan: CommitPlan) -> dict[int, bytes]:
    """The results, by step, that the store has: those that came with the claims, and those that this write records."""
    first, *others = group.outcomes
    known = first.claim.results.copy()
    for outcome in others:
        known.update(outcome.claim.results)
    for result in plan.write.results:
        if result.value is not None:
            known.setdefault(result.step, result.value)  # of two successes in one batch the store keeps the first
    return known
