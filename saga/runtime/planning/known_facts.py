"""The input and results that a process knows when it decides: from the claims of a group, and from the store's answer."""

from __future__ import annotations

from saga.core.condition.facts import NO_FACTS, Facts
from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.state.letters import RECORDED_LETTERS
from saga.ports.values.claim import Claim
from saga.runtime.planning.outcome_group import OutcomeGroup

_WITH_RESULT = (ev.Succeeded, ev.Reported)


def known_facts(group: OutcomeGroup) -> Facts:
    """Returns what conditions can read without asking the store. Nothing for a definition without conditions."""
    if group.graph.is_static:
        return NO_FACTS
    stored = group.facts or NO_FACTS
    results = dict(stored.results)
    for outcome in group.outcomes:
        results |= _carried(group.graph, outcome.claim)
    for outcome in group.outcomes:
        if isinstance(outcome.event, _WITH_RESULT):
            results.setdefault(outcome.claim.step, outcome.value)  # of two successes the store keeps the first
    return Facts(group.outcomes[0].claim.input if group.outcomes else stored.input, results)


def _carried(graph: Graph, claim: Claim) -> dict[int, bytes | None]:
    """The results that came with a claim. One that is missing although its step had finished by then is null."""
    vector = claim.state.vector
    carried: dict[int, bytes | None] = {
        step: None for step in graph.carried[claim.step] if vector[step] in RECORDED_LETTERS
    }
    return carried | claim.results
