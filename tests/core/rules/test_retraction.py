"""Decisions that undo one step while the saga goes on."""

from __future__ import annotations

import pytest

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Command, Decision
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from tests.core import graphs

NOW = 1_000.0
FORK = ((), (0,), (0,), (1, 2))
UNDONE = ev.Retracted(1, "not wanted")


def fork(mode: str, *, pivot: int = -1) -> Graph:
    """A step, two behind it of which the first has this mode, and one behind both."""
    return graphs.shaped(FORK, f"T{mode}TT", pivot=pivot)


def decided(
    graph: Graph, vector: str, *events: ev.Event, phase: Phase = Phase.RUNNING, paused: bool = False
) -> Decision:
    state = State(phase, vector, rollback_requested=False, paused=paused, deadline=None, reason=None)
    return decide(graph, state, events, now=NOW, jitter=0.5, enforce_deadline=True)


def kinds(decision: Decision) -> list[HistoryKind]:
    return [entry.kind for entry in decision.entries]


@pytest.mark.parametrize(("mode", "letter"), [("T", "V"), ("J", "K"), ("X", "U")])
def test_a_dispatched_step_is_unknown_when_it_is_retracted(mode: str, letter: str) -> None:
    decision = decided(fork(mode), "SDDP", UNDONE)

    assert decision.state.vector == f"S{letter}DP"
    operation = {"J": Operation.COMPENSATE, "X": Operation.EXECUTE}.get(mode)
    assert decision.commands == (() if operation is None else (Command(1, operation, 0.0),))


def test_an_external_step_that_nobody_has_claimed_is_void_at_once() -> None:
    decision = decided(fork("X"), "SDDP", ev.Unclaimed(frozenset({1})), UNDONE)

    assert (decision.state.vector, decision.commands) == ("SVDP", ())
    assert kinds(decision) == [HistoryKind.RETRACTED, HistoryKind.VOIDED]


def test_what_comes_after_a_retracted_step_waits_until_it_is_undone() -> None:
    decision = decided(fork("J"), "SSDP", UNDONE, ev.Succeeded(2))
    assert decision.state.vector == "SKSP"

    after = decided(fork("J"), "SKSP", ev.Compensated(1))

    assert after.state.vector == "SZSD"
    assert after.commands == (Command(3, Operation.EXECUTE, 0.0),)


def test_a_success_that_comes_after_the_retraction_is_undone_and_never_counts() -> None:
    decision = decided(fork("X"), "SUSP", ev.Succeeded(1))

    assert decision.state.vector == "SKSP"
    assert decision.commands == (Command(1, Operation.COMPENSATE, 0.0),)


@pytest.mark.parametrize("answer", [ev.Rejected(1, "no"), ev.Absent(1)])
def test_a_retracted_step_that_did_not_happen_is_void(answer: ev.Event) -> None:
    assert decided(fork("X"), "SUSP", answer).state.vector == "SVSD"


def test_a_saga_completes_only_when_what_was_retracted_is_undone() -> None:
    behind = graphs.shaped(((), (0,)), "JJ", pivot=-1)
    decision = decided(behind, "SD", UNDONE)
    assert (decision.state.phase, decision.state.vector) == (Phase.RUNNING, "SK")

    after = decided(behind, "SK", ev.Compensated(1))

    assert (after.state.phase, after.state.vector) == (Phase.COMPLETED, "SZ")


@pytest.mark.parametrize("vector", ["SSDD", "SSDS", "SSDd"])
def test_a_step_on_which_another_rests_is_not_retracted(vector: str) -> None:
    assert not decided(fork("J"), vector, UNDONE).changed


@pytest.mark.parametrize("vector", ["SSDP", "SSDV", "SSDH", "SSDZ"])
def test_a_step_on_which_nothing_rests_is_retracted(vector: str) -> None:
    assert decided(fork("J"), vector, UNDONE).state.vector == f"SK{vector[2:]}"


@pytest.mark.parametrize("phase", [Phase.COMPENSATING, Phase.ABANDONING, Phase.COMPLETED])
def test_only_a_step_of_a_running_saga_is_retracted(phase: Phase) -> None:
    assert not decided(fork("J"), "SSSP", UNDONE, phase=phase).changed


def test_the_pivot_is_never_retracted() -> None:
    assert not decided(fork("J", pivot=1), "SDDP", UNDONE).changed


def test_a_step_without_a_compensation_is_not_retracted_unless_it_only_reads() -> None:
    final, reading = (
        graphs.graph(
            graphs.step("a", "T", pivot=True), graphs.step("b", "T", after=(0,), compensation=False, read_only=only)
        )
        for only in (False, True)
    )

    assert not decided(final, "SD", UNDONE).changed
    assert decided(reading, "SD", UNDONE).state.vector == "SV"


def test_a_rollback_takes_the_retracted_step_along() -> None:
    decision = decided(fork("J"), "SKSP", ev.RollbackRequested("cancelled"))
    assert (decision.state.vector, decision.state.phase) == ("SKKV", Phase.COMPENSATING)

    after = decided(fork("J"), "SKZV", ev.Compensated(1), phase=Phase.COMPENSATING)

    assert after.state.vector == "KZZV"


def test_while_it_is_paused_nothing_is_sent_and_afterwards_the_undoing_begins() -> None:
    decision = decided(fork("J"), "SSDP", UNDONE, paused=True)
    assert (decision.state.vector, decision.commands) == ("SKDP", ())

    after = decided(fork("J"), "SKDP", ev.Resumed(), paused=True)

    assert Command(1, Operation.COMPENSATE, 0.0) in after.commands


@pytest.mark.parametrize(("letter", "quarantined"), [("U", "u"), ("K", "k")])
def test_an_undoing_that_is_exhausted_waits_for_a_person_while_the_others_go_on(letter: str, quarantined: str) -> None:
    failed = ev.Failed(1, "down", failures=9, first_failure_ago_seconds=9.0)

    decision = decided(fork("X"), f"S{letter}DP", failed, ev.Succeeded(2))

    assert decision.state.vector == f"S{quarantined}SP"
    assert decision.state.phase is Phase.RUNNING


def test_a_retracted_step_may_be_declared_void_behind_the_pivot_as_well() -> None:
    graph = graphs.shaped(((), (0,), (0,)), "TXT", pivot=0)

    assert decided(graph, "SuD", ev.DidNotHappen(1)).state.vector == "SVD"
    assert not decided(graph, "SdD", ev.DidNotHappen(1)).changed


def test_what_a_build_without_retraction_has_left_undone_is_made_up_for() -> None:
    """It records that the step before has finished, but takes the retracted one for unfinished."""
    decision = decided(fork("J"), "SZSP", ev.Redriven())

    assert decision.state.vector == "SZSD"
