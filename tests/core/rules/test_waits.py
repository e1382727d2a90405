"""Decisions about waits and timers."""

from __future__ import annotations

from saga.core.definition.graph import Graph, graph_from_json
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Command, Decision
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state
from tests.core import graphs

NOW = 1_000.0
HOUR = 3_600.0
REMINDED = graphs.graph(
    graphs.step("ask", "T"),
    graphs.wait("answer", after=(0,)),
    graphs.timer("pause", after=(0,), until=1),
    graphs.step("remind", "T", after=(2,), until=1),
    graphs.step("ship", "T", after=(1, 3)),
)
CANCELLABLE = graphs.graph(
    graphs.step("reserve", "J"),
    graphs.step("charge", "J", after=(0,), pivot=True),
    graphs.step("ship", "T", after=(1,)),
    graphs.wait("cancelled", cancels=True),
)


def decided(graph: Graph, vector: str, *events: ev.Event, paused: bool = False) -> Decision:
    state = State(Phase.RUNNING, vector, rollback_requested=False, paused=paused, deadline=None, reason=None)
    return decide(graph, state, events, now=NOW, jitter=0.5, enforce_deadline=True)


def test_a_timer_is_due_when_its_time_has_passed_and_a_wait_at_once() -> None:
    decision = decided(REMINDED, "DPPPP", ev.Succeeded(0))

    assert decision.state.vector == "SDDPP"
    assert decision.commands == (Command(1, Operation.EXECUTE, 0.0), Command(2, Operation.EXECUTE, HOUR))


def test_a_timer_and_the_step_behind_it_are_skipped_once_another_step_has_finished() -> None:
    decision = decided(REMINDED, "SDDPP", ev.Succeeded(1))

    assert decision.state.vector == "SSNND"
    assert [command.step for command in decision.commands] == [4]


def test_a_timer_ends_with_another_one_that_is_skipped() -> None:
    graph = graphs.graph(
        graphs.step("a", "T"), graphs.timer("b", until=2), graphs.timer("c", until=0), graphs.step("d", "T", after=(1,))
    )

    assert decided(graph, "DDDP", ev.Succeeded(0)).state.vector == "SNND"


def test_a_delayed_step_that_has_begun_is_not_skipped() -> None:
    assert decided(REMINDED, "SDSDP", ev.Succeeded(1)).state.vector == "SSSDP"


def test_a_timer_is_skipped_while_the_saga_is_paused() -> None:
    decision = decided(REMINDED, "SDDPP", ev.Succeeded(1), paused=True)

    assert (decision.state.vector, decision.commands) == ("SSNPP", ())


def test_a_resumed_saga_goes_on_where_a_timer_was_skipped() -> None:
    assert decided(REMINDED, "SSNPP", ev.Resumed(), paused=True).state.vector == "SSNND"


def test_a_wait_that_is_rejected_rolls_back_and_makes_timers_void() -> None:
    decision = decided(REMINDED, "SDDPP", ev.Rejected(1, "no event answer within 1 h"))

    assert decision.state.phase is Phase.COMPENSATING
    assert decision.state.vector == "KRVVV"
    assert decision.state.reason == "answer: no event answer within 1 h"


def test_a_cancelled_saga_is_rolled_back() -> None:
    decision = decided(CANCELLABLE, "SPPD", ev.Cancelled(3, "cancelled by the customer"))

    assert decision.state.phase is Phase.COMPENSATING
    assert decision.state.vector == "KVVZ"
    assert decision.state.reason == "cancelled by the customer"


def test_a_saga_that_is_cancelled_while_its_pivot_is_under_way_waits_for_the_pivot() -> None:
    decision = decided(CANCELLABLE, "SDPD", ev.Cancelled(3, "cancelled"))

    assert decision.state.vector == "SWPS"
    assert decision.state.rollback_requested
    passed = decide(CANCELLABLE, decision.state, [ev.Succeeded(1)], now=NOW, jitter=0.5, enforce_deadline=True)
    assert (passed.state.phase, passed.state.vector) == (Phase.RUNNING, "SSDS")


def test_nobody_can_cancel_behind_the_pivot() -> None:
    decision = decided(CANCELLABLE, "SDPD", ev.Succeeded(1))

    assert decision.state.vector == "SSDN"
    late = decide(CANCELLABLE, decision.state, [ev.Cancelled(3, "no")], now=NOW, jitter=0.5, enforce_deadline=True)
    assert not late.changed


def test_a_saga_without_a_pivot_does_not_wait_for_its_cancellation() -> None:
    graph = graphs.graph(graphs.step("a", "T"), graphs.wait("cancelled", cancels=True))

    started = decide(graph, initial_state(graph, now=NOW), [ev.Started()], now=NOW, jitter=0, enforce_deadline=True)
    assert started.state.vector == "DD"
    done = decided(graph, "DD", ev.Succeeded(0))
    assert (done.state.phase, done.state.vector) == (Phase.COMPLETED, "SN")


def test_a_definition_with_waits_is_stored_and_read() -> None:
    for graph in (REMINDED, CANCELLABLE):
        assert graph_from_json(graph.canonical) == graph
