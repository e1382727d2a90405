"""The one function that decides: from a saga's state and events to its next state, and the commands that follow.

It is pure and synchronous. The process that commits an outcome, the supervisor, the tests and the simulator all call it.
The rules E1 to E14 and the guards are those of docs/concepts/protocol.md. An event that comes too late is not an error:
its decision changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from saga.core.condition.facts import NO_FACTS, Facts
from saga.core.condition.question import Question
from saga.core.definition.graph import Graph
from saga.core.memo import MEMOS, NO_MEMO, remember
from saga.core.rules import abandon, forward, operators, outcomes, retries, rollback
from saga.core.rules import events as ev
from saga.core.rules.decision import Command, Decision, HistoryEntry
from saga.core.rules.fold import Fold
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State

_RUNNING = Phase.RUNNING
_GOING_WELL: Final = (Phase.RUNNING, Phase.COMPLETED)


def decide(  # noqa: PLR0913 (the whole input of a decision)
    graph: Graph,
    state: State,
    events: Sequence[ev.Event],
    *,
    now: float,
    jitter: float,
    enforce_deadline: bool,
    facts: Facts = NO_FACTS,
) -> Decision:
    """Folds the events into the state.

    `now` is the store's clock in seconds since the epoch; `jitter` in [0, 1) spreads retries. `enforce_deadline` is true
    if the saga itself is late, and an outage is not to blame: only then does a passed deadline have an effect.

    Raises:
        FactsMissingError: a condition needs more `facts`. It reads what is recorded and nothing else, so that everyone decides the same.
    """
    if (
        len(events) == 1
        and (type(event := events[0]) is ev.Succeeded or type(event) is ev.Started)
        and _is_undisturbed(state, now, enforce_deadline=enforce_deadline)
    ):
        memo = MEMOS.get(id(graph), NO_MEMO)
        decision = memo.get((state.vector, event.step))
        if type(decision) is not Decision:
            while type(decision) is Question:
                decision = memo.get((decision, decision.ask(facts)))
            if decision is None:
                decision = _decide_and_remember(graph, state, event, facts)
        if decision is not None:
            after = decision.state.with_deadline(state.deadline) if decision.changed else state
            return Decision(after, decision.changed, decision.commands, decision.entries)
    fold = Fold(graph, state, now, enforce_deadline=enforce_deadline, facts=facts)
    return _folded(fold, state, events, jitter)


# Nearly every event is the start of a saga, or the success of a step of an undisturbed one. Except for the deadline, its
# decision is the same for all sagas of a definition, or for those in which the same conditions hold, so it is made once.
# This shortcut must agree with `_folded`: the property test `test_a_remembered_decision_is_what_the_rules_decide` compares
# the two on every reachable state.


def _is_undisturbed(state: State, now: float, *, enforce_deadline: bool) -> bool:
    """Returns whether nothing but the success and the vector decides what comes next."""
    return (
        state.phase is _RUNNING
        and state.reason is None
        and not (state.rollback_requested or state.paused)
        and (state.deadline is None or now < state.deadline or not enforce_deadline)
    )


def _decide_and_remember(graph: Graph, state: State, event: ev.Succeeded | ev.Started, facts: Facts) -> Decision | None:
    """Returns the decision without its deadline. None: it depends on the time, or on more than the answers to conditions."""
    timeless = state.with_deadline(None)
    fold = Fold(graph, timeless, 0.0, enforce_deadline=False, facts=facts)
    decision = _folded(fold, timeless, (event,), 0.0)
    if not _goes_well(decision.state) or any(isinstance(answer, str) for _, answer in fold.answers):
        return None
    remember(graph, state.vector, event.step, fold.answers, decision)
    return decision


def _goes_well(state: State) -> bool:
    return state.phase in _GOING_WELL and state.reason is None and not state.rollback_requested


def _folded(fold: Fold, before: State, events: Sequence[ev.Event], jitter: float) -> Decision:
    for event in events:
        if type(event) is ev.Failed:  # the only rule that uses the jitter
            retries.on_failed(fold, event, jitter)
        else:
            _RULES[type(event)](fold, event)
    return _decision(fold, before)


def _decision(fold: Fold, before: State) -> Decision:
    vector = "".join(fold.letters)
    changed = (
        vector != before.vector
        or fold.phase is not before.phase
        or fold.rollback_requested is not before.rollback_requested
        or fold.paused is not before.paused
        or fold.deadline != before.deadline
        or fold.reason != before.reason
    )
    state = before
    if changed:
        state = State(fold.phase, vector, fold.rollback_requested, fold.paused, fold.deadline, fold.reason)
    return Decision(state, changed, _commands(fold), tuple([HistoryEntry(*entry) for entry in fold.entries]))


def _commands(fold: Fold) -> tuple[Command, ...]:
    """The commands that were sent and that no later event of the same call has made obsolete."""
    if fold.paused or not fold.commands:
        return ()
    return tuple(
        [
            Command(step, operation, after_seconds)
            for step, (operation, after_seconds) in fold.commands.items()
            if fold.operation(step) is operation
        ]
    )


_RULES: Final[dict[type[ev.Event], Callable[[Fold, Any], None]]] = {
    ev.Started: forward.on_started,
    ev.Succeeded: outcomes.on_succeeded,
    ev.Rejected: outcomes.on_rejected,
    ev.Cancelled: outcomes.on_cancelled,
    ev.Ongoing: retries.on_ongoing,
    ev.Compensated: outcomes.on_compensated,
    ev.Reported: outcomes.on_reported,
    ev.Absent: outcomes.on_absent,
    ev.Quiet: abandon.on_quiet,
    ev.RollbackRequested: rollback.on_rollback_requested,
    ev.Unclaimed: rollback.on_unclaimed,
    ev.Redriven: retries.on_redriven,
    ev.Paused: operators.on_paused,
    ev.Resumed: operators.on_resumed,
    ev.Retried: operators.on_retried,
    ev.Happened: operators.on_happened,
    ev.DidNotHappen: operators.on_did_not_happen,
    ev.Skipped: operators.on_skipped,
    ev.Retracted: operators.on_retracted,
    ev.CompensatedByHand: operators.on_compensated_by_hand,
    ev.Abandoned: abandon.on_abandoned,
    ev.Extended: rollback.on_extended,
}
