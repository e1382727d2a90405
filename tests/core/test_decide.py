"""Single facts about decisions that no trace, property or exploration names."""

from __future__ import annotations

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Command, Decision
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.called_for import called_for
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state
from tests.core import graphs

NOW = 1_000.0


def state_of(
    vector: str, *, phase: Phase = Phase.RUNNING, paused: bool = False, deadline: float | None = None
) -> State:
    return State(phase=phase, vector=vector, rollback_requested=False, paused=paused, deadline=deadline, reason=None)


def decided(graph: Graph, state: State, *events: ev.Event, enforce_deadline: bool = True) -> Decision:
    return decide(graph, state, events, now=NOW, jitter=0.5, enforce_deadline=enforce_deadline)


def test_the_deadline_counts_from_the_start() -> None:
    graph = graphs.graph(graphs.step("a", "J"), deadline_seconds=60)

    assert initial_state(graph, now=NOW).deadline == NOW + 60


def test_a_saga_of_a_definition_without_a_deadline_is_never_late() -> None:
    assert initial_state(graphs.chain("J"), now=NOW).deadline is None


def test_a_paused_saga_calls_for_nothing() -> None:
    graph = graphs.chain("JX")

    assert called_for(graph, state_of("SD"), 1) is Operation.EXECUTE
    assert called_for(graph, state_of("SD", paused=True), 1) is None


def test_a_skipped_pivot_has_passed() -> None:
    graph = graphs.chain("JX", pivot=0)

    assert [is_pivot_passed(graph, vector) for vector in ("PP", "DP", "SD", "ND")] == [False, False, True, True]
    assert not is_pivot_passed(graphs.chain("JX"), "SS")


def test_a_decision_that_changes_nothing_returns_the_state_itself() -> None:
    state = state_of("SD")

    decision = decided(graphs.chain("JX"), state, ev.Redriven())

    assert decision.state is state
    assert not decision.changed


def test_a_command_that_a_later_event_makes_obsolete_is_not_sent() -> None:
    decision = decided(graphs.chain("JJJ"), state_of("DPP"), ev.Succeeded(0), ev.RollbackRequested("cancelled"))

    assert decision.state.vector == "SKV"
    assert decision.commands == (Command(1, Operation.COMPENSATE, 0.0),)


def test_a_pause_in_the_same_batch_holds_back_the_commands() -> None:
    decision = decided(graphs.chain("JJ"), state_of("DP"), ev.Succeeded(0), ev.Paused())

    assert decision.state.vector == "SD"
    assert decision.commands == ()


def test_a_deadline_that_is_not_enforced_ends_nothing() -> None:
    state = state_of("DP", deadline=NOW - 1)

    decision = decided(graphs.chain("JJ"), state, ev.Succeeded(0), enforce_deadline=False)

    assert decision.state.vector == "SD"


def test_a_compensation_over_its_budget_is_quarantined() -> None:
    state = state_of("KV", phase=Phase.COMPENSATING, deadline=NOW - 1)
    failure = ev.Failed(0, "down", failures=1, first_failure_ago_seconds=0.0)

    assert decided(graphs.chain("JJ"), state, failure).state.vector == "kV"


def test_an_outage_does_not_use_up_the_budget_of_a_compensation() -> None:
    state = state_of("KV", phase=Phase.COMPENSATING, deadline=NOW - 1)
    failure = ev.Failed(0, "down", failures=1, first_failure_ago_seconds=0.0)

    assert decided(graphs.chain("JJ"), state, failure, enforce_deadline=False).state.vector == "KV"


def test_an_external_step_rests_before_it_is_asked_again() -> None:
    failure = ev.Failed(0, "down", failures=1, first_failure_ago_seconds=0.0, quiet_in_seconds=15.0)

    assert decided(graphs.chain("XJ"), state_of("DP"), failure).commands == (Command(0, Operation.EXECUTE, 15.0),)


def test_an_external_step_that_is_given_up_rests_before_it_is_resolved() -> None:
    failure = ev.Failed(0, "bad", failures=1, first_failure_ago_seconds=0.0, final=True, quiet_in_seconds=15.0)

    decision = decided(graphs.chain("XJ"), state_of("DP"), failure)

    assert decision.state.vector == "UV"
    assert decision.commands == (Command(0, Operation.EXECUTE, 15.0),)


def test_a_journaled_step_that_was_quarantined_only_waits_once_the_saga_is_rolled_back() -> None:
    graph = graphs.shaped([(), (), (0,)], "JXJ", pivot=1)
    state = state_of("dDP")

    decision = decided(graph, state, ev.RollbackRequested("cancelled"), ev.Rejected(1, "declined"))

    assert decision.state.vector == "KRV"
    assert not decision.state.is_stuck


def test_a_late_failure_of_a_step_is_none_of_its_compensation() -> None:
    """Found by a seed: a step that succeeded and failed in one batch had its compensation given up before it began."""
    failed = ev.Failed(0, "no answer", 3, 1.0, operation=Operation.EXECUTE)

    decision = decided(graphs.chain("X"), state_of("U", phase=Phase.COMPENSATING), ev.Succeeded(0), failed)

    assert decision.state.vector == "K"
    assert decision.commands == (Command(0, Operation.COMPENSATE, 0.0),)
