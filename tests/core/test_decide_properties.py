"""Laws of the decision: on every state that any sequence of events leads to, and on random graphs and histories."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from saga.core.condition.facts import Facts, FactsMissingError
from saga.core.definition.graph import Graph
from saga.core.memo import MEMOS
from saga.core.rules import events as ev
from saga.core.rules.decide import _folded, decide
from saga.core.rules.decision import Decision
from saga.core.rules.fold import Fold
from saga.core.state.called_for import called_for
from saga.core.state.letters import LETTERS
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state
from saga.core.state.transitions import PHASE_TRANSITIONS, STEP_TRANSITIONS
from tests.core import graphs
from tests.core.reach import NOW, Reached, every_event, reach

BRANCHES: Final = ((), (0,), (0,))
READ_ONLY: Final = (
    graphs.graph(
        graphs.step("a", "X", compensation=False),
        graphs.step("b", "X", after=(0,), pivot=True),
        graphs.step("c", "X", after=(0,), read_only=True),
    ),
    graphs.graph(
        graphs.step("a", "J", read_only=True),
        graphs.step("b", "X", pivot=True),
        graphs.step("c", "T", compensation=False),
    ),
    graphs.graph(graphs.step("a", "J", compensation=False), graphs.step("b", "J", after=(0,))),
    graphs.graph(*(graphs.step(mode.lower(), mode, read_only=True, compensation=False) for mode in "TJX")),
)
PLAIN: Final = (
    *(graphs.chain(modes, pivot=pivot) for modes in ("TTT", "JJJ", "XXX", "TJX") for pivot in (-1, 0, 1, 2)),
    *(graphs.shaped(BRANCHES, modes, pivot=1) for modes in ("TXT", "TJT", "JXX", "TTJ", "XJX", "JXJ")),
    *READ_ONLY,
)
FALSE: Final = "1 == 2"
BRANCHED: Final = (
    *(
        graphs.graph(
            graphs.step("a", first),
            graphs.step("b", mode, after=(0,), condition=FALSE, pivot=pivot == 1),
            graphs.step("c", last, after=(1,), pivot=pivot == 2),
        )
        for first, mode, last in ("TTT", "JJJ", "XXX", "TJX")
        for pivot in (-1, 1, 2)
    ),
    *(
        graphs.graph(
            graphs.step("a", mode, handled=True),
            graphs.step("b", "T", pivot=True),
            graphs.step("c", mode, after=(0,), successes=1, handled=is_handled),
        )
        for mode in "TJX"
        for is_handled in (False, True)
    ),
    graphs.graph(
        graphs.step("a", "X", optional=True, read_only=True),
        graphs.step("b", "J", handled=True),
        graphs.step("c", "X", after=(0, 1), successes=2),
    ),
    *(
        graphs.graph(
            graphs.step("a", "J"),
            graphs.check("b", holds=holds, after=(0,), condition=condition),
            graphs.step("c", "X", after=(1,), pivot=True),
        )
        for holds, condition in (("1 == 1", None), (FALSE, None), (FALSE, FALSE))
    ),
)
"""Conditions, handled rejections, joins that count and checks. None reads anything, so their truth needs no facts."""
WAITING: Final = (
    *(
        graphs.graph(
            graphs.step("a", mode),
            graphs.wait("b", after=(0,), handled=is_handled),
            graphs.step("c", mode, after=(1,), pivot=True),
            graphs.wait("d", cancels=True),
        )
        for mode in "TJX"
        for is_handled in (False, True)
    ),
    graphs.graph(graphs.wait("a", handled=True), graphs.step("b", "X", pivot=True)),
    graphs.graph(
        graphs.wait("a"),
        graphs.timer("b", until=0),
        graphs.step("c", "T", after=(1,), until=0),
        graphs.step("d", "T", after=(0,), condition=FALSE),
    ),
    graphs.graph(
        graphs.step("a", "T", handled=True),
        graphs.wait("b", after=(0,), handled=True, successes=1),
        graphs.timer("c", after=(1,)),
        graphs.wait("d", cancels=True),
    ),
    graphs.graph(
        graphs.step("a", "T", handled=True),
        graphs.wait("b", after=(0,), successes=1),
        graphs.timer("c", after=(1,), condition=FALSE),
    ),
)
"""Waits and timers, also those that end without an event."""
CASES: Final = (*PLAIN, *BRANCHED, *WAITING)

DUPLICABLE: Final = (
    ev.Started, ev.Succeeded, ev.Rejected, ev.Ongoing, ev.Compensated, ev.Reported, ev.Absent, ev.Quiet, ev.RollbackRequested,
    ev.Redriven, ev.Paused, ev.Resumed, ev.Retried, ev.Happened, ev.DidNotHappen, ev.CompensatedByHand, ev.Skipped, ev.Retracted,
    ev.Abandoned,
)  # fmt: skip


@cache
def reached(at: int) -> Reached:
    return reach(CASES[at])


every_case = pytest.mark.parametrize("at", range(len(CASES)))


@every_case
def test_every_change_of_a_letter_is_in_the_table(at: int) -> None:
    legal = {(row.before, row.after, row.phase, Mode(mode)) for row in STEP_TRANSITIONS for mode in row.modes}

    assert {tuple(change) for change in reached(at).changes} <= legal


@every_case
def test_every_change_of_the_phase_is_in_the_table(at: int) -> None:
    legal = {(row.before, row.after) for row in PHASE_TRANSITIONS}
    legal |= {(first, last) for (first, middle), (again, last) in itertools.product(legal, legal) if middle is again}
    changes = {(before.phase, decision.state.phase) for before, _, decision in reached(at).decisions}

    assert {(before, after) for before, after in changes if before is not after} <= legal


def test_every_row_of_the_table_of_letters_is_reached() -> None:
    rows = {(row.before, row.after, row.phase, Mode(mode)) for row in STEP_TRANSITIONS for mode in row.modes}
    made = {tuple(change) for at in range(len(CASES)) for change in reached(at).changes}

    assert rows - made == set()


def test_every_row_of_the_table_of_phases_is_reached() -> None:
    made = {
        (before.phase, decision.state.phase)
        for at in range(len(CASES))
        for before, _, decision in reached(at).decisions
    }

    assert {(row.before, row.after) for row in PHASE_TRANSITIONS} <= made


@every_case
def test_a_saga_that_has_ended_never_changes(at: int) -> None:
    ended = [(event, decision) for before, event, decision in reached(at).decisions if before.phase.is_terminal]

    assert [event for event, decision in ended if decision.state.phase is Phase.RUNNING or decision.commands] == []
    assert [event for event, decision in ended if decision.changed] == []


@every_case
def test_a_remembered_decision_is_what_the_rules_decide(at: int) -> None:
    graph = CASES[at]
    successes = [
        (before, event) for before, event, _ in reached(at).decisions if isinstance(event, ev.Succeeded | ev.Started)
    ]
    asked = [
        (before.with_deadline(NOW + later), event) for before, event in successes for later in (-1.0, 0.0, 1.0, 2.0)
    ]
    asked += [(replace(before, reason=f"written by hand at {at}"), event) for before, event in successes]
    asked += [(replace(before, phase=Phase.ABANDONING, reason=None), event) for before, event in successes]
    folds = [(Fold(graph, before, NOW, enforce_deadline=True), before, event) for before, event in asked]

    assert [_decided(graph, *question) for question in asked] == [
        _folded(f, before, [e], 0.5) for f, before, e in folds
    ]
    assert 0 < len(MEMOS[id(graph)]) < len(asked)


READING: Final = graphs.graph(
    graphs.step("a", "X"),
    graphs.step("b", "X", after=(0,), condition="input.cents > 100 && steps.a.output.risk > 0.5"),
    graphs.check("c", holds="steps.a.output.risk < 0.8", after=(0,), condition="steps.b.skipped || input.cents < 1000"),
    graphs.step("d", "X", after=(0, 1, 2)),
)


@pytest.mark.parametrize("risk", [b"0.1", b"0.6", b"0.9", b'"high"'])
@pytest.mark.parametrize("cents", [b"10", b"500", b"5000"])
def test_a_decision_is_remembered_for_what_its_conditions_came_to(cents: bytes, risk: bytes) -> None:
    before = initial_state(READING, now=NOW).with_deadline(NOW + 1)
    before, event = replace(before, vector="DPPP"), ev.Succeeded(0)
    facts = Facts(b'{"cents": %s}' % cents, {0: b'{"risk": %s}' % risk})
    fold = Fold(READING, before, NOW, enforce_deadline=True, facts=facts)
    decided = [
        decide(READING, before, (event,), now=NOW, jitter=0.5, enforce_deadline=True, facts=facts) for _ in range(2)
    ]

    assert decided == [_folded(fold, before, [event], 0.5)] * 2
    with pytest.raises(FactsMissingError):
        decide(READING, before, (event,), now=NOW, jitter=0.5, enforce_deadline=True)


def test_a_full_memo_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.core.memo.REMEMBERED_MAX", 4)
    graph = graphs.shaped(((), (), ()), "XXX", pivot=-1)
    for order in itertools.permutations(range(3)):
        state = _decided(graph, initial_state(graph, now=NOW), ev.Started()).state
        for step in order:
            state = _decided(graph, state, ev.Succeeded(step)).state

        assert state.phase is Phase.COMPLETED
        assert 0 < len(MEMOS[id(graph)]) <= 4


@every_case
def test_a_command_is_what_the_new_state_calls_for(at: int) -> None:
    graph = CASES[at]
    wrong = [
        (before, event, command)
        for before, event, decision in reached(at).decisions
        for command in decision.commands
        if called_for(graph, decision.state, command.step) is not command.operation
    ]

    assert wrong == []


@every_case
def test_a_newly_called_for_operation_is_sent_at_once(at: int) -> None:
    """No command waits for a redrive that the decision could have sent itself."""
    graph = CASES[at]
    forgotten = [
        (before, event, decision.state)
        for before, event, decision in reached(at).decisions
        for step in range(len(graph.steps))
        if called_for(graph, decision.state, step) is not called_for(graph, before, step)
        and called_for(graph, decision.state, step) is not None
        and step not in {command.step for command in decision.commands}
    ]

    assert forgotten == []


@pytest.mark.parametrize("at", range(len(PLAIN)))
def test_a_duplicate_changes_nothing(at: int) -> None:
    graph = PLAIN[at]
    again = [
        (before, event)
        for before, event, decision in reached(at).decisions
        if isinstance(event, DUPLICABLE) and _decided(graph, decision.state, event).changed
    ]

    assert again == []


@st.composite
def any_graph(draw: st.DrawFn) -> Graph:
    size = draw(st.integers(1, 6))
    after = [tuple(sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))) if i else () for i in range(size)]
    modes = draw(st.text("TJX", min_size=size, max_size=size))
    return graphs.shaped(after, modes, pivot=draw(st.integers(-1, size - 1)))


@st.composite
def any_history(draw: st.DrawFn) -> tuple[Graph, list[ev.Event]]:
    graph = draw(any_graph())
    return graph, draw(st.lists(st.sampled_from(list(every_event(graph))), max_size=25))


@st.composite
def any_state(draw: st.DrawFn) -> tuple[Graph, State]:
    """Any state, also one that no saga can be in."""
    graph = draw(any_graph())
    size = len(graph.steps)
    return graph, State(
        phase=draw(st.sampled_from(Phase)),
        vector=draw(st.text(sorted(LETTERS), min_size=size, max_size=size)),
        rollback_requested=draw(st.booleans()),
        paused=draw(st.booleans()),
        deadline=draw(st.none() | st.sampled_from([NOW - 1, NOW + 1])),
        reason=draw(st.none() | st.just("because")),
    )


@given(any_state())
def test_every_event_has_a_decision_on_every_state(case: tuple[Graph, State]) -> None:
    graph, state = case

    for event in every_event(graph):
        after = _decided(graph, state, event).state
        assert len(after.vector) == len(state.vector)
        assert LETTERS.issuperset(after.vector)


@given(any_history())
def test_a_decision_depends_on_nothing_else(case: tuple[Graph, list[ev.Event]]) -> None:
    graph, events = case
    state = initial_state(graph, now=NOW)

    assert _decided(graph, state, *events) == _decided(graph, state, *events)


@given(any_history())
def test_a_batch_ends_where_its_events_one_by_one_end(case: tuple[Graph, list[ev.Event]]) -> None:
    graph, events = case
    start = initial_state(graph, now=NOW)
    one_by_one = start
    unclaimed = ev.Unclaimed(frozenset(range(len(graph.steps))))  # a batch knows it of the steps that it dispatches
    for event in events:
        one_by_one = _decided(graph, one_by_one, unclaimed, event).state

    assert _decided(graph, start, *events).state == one_by_one


@given(any_graph(), st.data())
def test_the_successes_of_parallel_steps_commute(graph: Graph, data: st.DataObject) -> None:
    state = _decided(graph, initial_state(graph, now=NOW), ev.Started()).state
    while "D" in state.vector:
        running = [step for step, letter in enumerate(state.vector) if letter == "D"]
        some = data.draw(st.permutations(running))[: data.draw(st.integers(1, len(running)))]
        forward = _decided(graph, state, *(ev.Succeeded(step) for step in some))
        backward = _decided(graph, state, *(ev.Succeeded(step) for step in reversed(some)))
        assert forward.state == backward.state
        assert set(forward.commands) == set(backward.commands)
        state = forward.state

    assert state.phase is Phase.COMPLETED


@given(any_graph(), st.data())
def test_outcomes_resolved_during_a_rollback_commute(graph: Graph, data: st.DataObject) -> None:
    """Success, rejection or compensation: the order in which parallel steps report does not affect the end."""
    state = _rolled_back(graph, data)
    reports = [_report(letter, step, data) for step, letter in enumerate(state.vector) if letter in "UK"]
    shuffled = data.draw(st.permutations(reports))

    assert _decided(graph, state, *reports).state == _decided(graph, state, *shuffled).state


@given(any_graph(), st.data())
def test_a_rollback_ends_when_every_step_reports(graph: Graph, data: st.DataObject) -> None:
    state = _rolled_back(graph, data)
    for _ in range(3 * len(graph.steps)):
        for step, letter in enumerate(state.vector):
            if letter in "UK":
                event = ev.Succeeded(step) if letter == "U" else ev.Compensated(step)
                state = _decided(graph, state, event).state

    assert state.phase in (Phase.COMPENSATED, Phase.COMPLETED, Phase.RUNNING)
    assert state.phase is not Phase.RUNNING or state.rollback_requested or "S" in state.vector[graph.pivot]


def _rolled_back(graph: Graph, data: st.DataObject) -> State:
    """A saga that is rolled back after some steps have succeeded, and while others are under way."""
    state = _decided(graph, initial_state(graph, now=NOW), ev.Started()).state
    for _ in range(data.draw(st.integers(0, 4))):
        running = [step for step, letter in enumerate(state.vector) if letter == "D"]
        if running:
            state = _decided(graph, state, ev.Succeeded(data.draw(st.sampled_from(running)))).state
    return _decided(graph, state, ev.RollbackRequested("cancelled")).state


def _report(letter: str, step: int, data: st.DataObject) -> ev.Event:
    if letter == "K":
        return ev.Compensated(step)
    return ev.Succeeded(step) if data.draw(st.booleans()) else ev.Rejected(step, "no")


def _decided(graph: Graph, state: State, *events: ev.Event) -> Decision:
    return decide(graph, state, events, now=NOW, jitter=0.5, enforce_deadline=True)
