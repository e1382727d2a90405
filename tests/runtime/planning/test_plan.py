"""From a decision to a write. Each fact here was found by a seed of the simulation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from uuid import UUID

import pytest
from msgspec.structs import replace

from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.write import COUNT_MAX, PARKED_SECONDS
from saga.runtime.planning import plan as planning
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.handover import next_claim
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.plan import plan
from tests.core.graphs import chain, graph, shaped, step, wait
from tests.runtime.routers import router_with

SAGA = UUID(int=1)
WAITING = graph(wait("review"), step("charge", "X", after=(0,)))
UNDOING = State(Phase.COMPENSATING, "k", rollback_requested=False, paused=False, deadline=None, reason=None)


def test_a_command_is_parked_only_on_the_row_that_was_decided_on() -> None:
    """An operator has retried it meanwhile. A writer that does not know of that must not park it for ever."""
    failed = ev.Failed(0, "down", 2, 1.0, operation=Operation.COMPENSATE)

    made = planned([Outcome(work_on(UNDOING), failed)], queues_commands=True)

    assert made.write.delays[0].after_seconds == PARKED_SECONDS
    assert made.write.changed, "the version is checked"


def test_a_quarantined_step_is_retried_through_its_row_even_with_a_bus() -> None:
    """The row is parked, and refuses a delivery."""
    made = planned([], ev.Retried(0), queues_commands=False)

    assert [dispatch.operation for dispatch in made.write.dispatches] == [Operation.COMPENSATE]
    assert not made.messages


def test_a_step_parked_by_a_pause_is_resumed_through_its_row_even_with_a_bus() -> None:
    paused = replace(UNDOING, vector="K", paused=True)

    made = planned([], ev.Resumed(), state=paused, queues_commands=False)

    assert [dispatch.operation for dispatch in made.write.dispatches] == [Operation.COMPENSATE]


def test_an_abandoned_external_step_keeps_the_command_that_knows_of_its_calls() -> None:
    """G40: the row was dropped once, and the saga was final although a call was on its way."""
    running = replace(UNDOING, phase=Phase.RUNNING, vector="D")
    abandoned = planned([], ev.Abandoned(), state=running, queues_commands=True)
    assert (abandoned.write.state.vector, abandoned.write.drops) == ("G", [])

    late = Outcome(work_on(running), ev.Failed(0, "no answer in time", 1, 0.0), quiet_seconds=5.0)
    ended = planned([late], state=abandoned.write.state, queues_commands=True)
    assert ([delay.quiet_seconds for delay in ended.write.delays], ended.write.drops) == ([5.0], [])

    quiet = planned([], ev.Quiet(0), state=abandoned.write.state, queues_commands=True)
    assert (quiet.write.state.phase, [drop.step for drop in quiet.write.drops]) == (Phase.ABANDONED, [0])


@pytest.mark.parametrize("event", [ev.Abandoned(), ev.RollbackRequested("by hand")], ids=["abandoned", "rolled back"])
def test_a_step_is_void_as_never_claimed_only_if_it_is_not_claimed_meanwhile(event: ev.Event) -> None:
    """G135: a saga was abandoned without the fence, and a step that was just claimed took effect. Found by hostile seed 1231."""
    running = replace(UNDOING, phase=Phase.RUNNING, vector="D")
    group = OutcomeGroup(SAGA, chain("X"), 5, running, None, 0.0, [], [event])
    group.unclaimed = frozenset({0})

    made, _ = plan_of(group)

    assert (made.write.state.vector, made.write.fences) == ("V", [(0, None)])


def test_an_abandoned_journaled_step_keeps_only_the_command_that_reads_its_journal() -> None:
    """A command that executes, kept in its place, blocks the question to the journal for ever. Found by a seed."""
    frozen = replace(UNDOING, phase=Phase.ABANDONING, vector="G")
    late = Outcome(replace(work_on(frozen), operation=Operation.EXECUTE), ev.Succeeded(0), b"1")

    made = planned([late], state=frozen, queues_commands=True, modes="J")

    assert ([drop.step for drop in made.write.drops], made.write.delays) == ([0], [])


def test_outcomes_of_two_claims_of_a_step_leave_the_command_that_knows_of_their_calls() -> None:
    """The second outcome was treated as that of an obsolete command, and its row was dropped with its quiet time. Found by a seed."""
    running = replace(UNDOING, phase=Phase.RUNNING, vector="D")
    first, second = (replace(work_on(running), operation=Operation.EXECUTE, number=number) for number in (1, 2))
    failed = Outcome(first, ev.Failed(0, "no answer in time", 1, 0.0), quiet_seconds=5.0)

    made = planned([failed, Outcome(second, ev.Ongoing(0, 1.0))], state=running, queues_commands=True)

    assert made.write.drops == []
    assert [(delay.claim, delay.quiet_seconds) for delay in made.write.delays] == [(1, 5.0), (2, 0.0)]
    assert made.write.dispatches == []


def test_a_quarantined_step_is_retried_whatever_an_older_claim_reports_with_it() -> None:
    """The report moves the row of its own claim, but the row belongs to a newer claim: the step stayed parked. Found by a seed."""
    running = replace(UNDOING, phase=Phase.RUNNING, vector="d")
    older = replace(work_on(running), operation=Operation.EXECUTE, number=1)
    late = Outcome(older, ev.Failed(0, "no answer in time", 1, 0.0), quiet_seconds=5.0)

    made = planned([late], ev.RollbackRequested("too slow"), state=running, queues_commands=True)

    assert made.write.state.vector == "U"
    assert [delay.claim for delay in made.write.delays] == [1]
    assert [dispatch.operation for dispatch in made.write.dispatches] == [Operation.EXECUTE]


def test_a_late_outcome_leaves_the_command_of_the_operation_that_followed() -> None:
    """It comes together with one that changes the saga; a process that compensates the step meanwhile keeps its claim."""
    undoing = replace(UNDOING, vector="KK")
    executed = replace(work_on(undoing), operation=Operation.EXECUTE, number=1)
    late = Outcome(executed, ev.Failed(0, "no answer in time", 1, 0.0, operation=Operation.EXECUTE))
    undone = Outcome(replace(work_on(undoing), step=1, number=2), ev.Compensated(1))

    made = planned([undone, late], state=undoing, queues_commands=True, modes="XX")

    assert [(drop.step, drop.claim) for drop in made.write.drops] == [(1, None), (0, 1)]


def test_a_counter_of_failures_stays_at_its_largest_value() -> None:
    failed = ev.Failed(0, "down", COUNT_MAX + 1, 1.0, operation=Operation.COMPENSATE)

    made = planned([Outcome(work_on(UNDOING), failed)], queues_commands=True)

    assert made.write.delays[0].failures == COUNT_MAX


def test_a_write_is_new_only_if_it_gives_its_steps_their_first_rows() -> None:
    """A store writes it without checking for existing rows."""
    running = replace(UNDOING, phase=Phase.RUNNING, vector="DP")
    claim = replace(work_on(running), operation=Operation.EXECUTE)
    once, twice = (
        [Outcome(replace(claim, number=number), ev.Succeeded(0), b"1") for number in numbers]
        for numbers in ((1,), (1, 2))
    )

    assert planned(once, state=running, queues_commands=True, modes="XX").write.is_new
    assert planned(
        [], ev.RollbackRequested("why"), state=replace(running, vector="SP"), queues_commands=True, modes="XX"
    ).write.is_new
    assert not planned(twice, state=running, queues_commands=True, modes="XX").write.is_new
    assert not planned([], ev.Retried(0), queues_commands=True).write.is_new
    late = replace(running, phase=Phase.COMPENSATING, vector="UP", reason="why", rollback_requested=True)
    assert not planned(once, state=late, queues_commands=True, modes="XX").write.is_new


def test_no_version_is_written_without_a_line_of_history() -> None:
    frozen = replace(UNDOING, phase=Phase.ABANDONING, vector="G")

    made = planned([Outcome(work_on(frozen), ev.Ongoing(0, 1.0))], state=frozen, queues_commands=True)

    assert made.write.changed
    assert [entry.kind for entry in made.write.entries] == ["redriven"]


@pytest.mark.parametrize("pivot", [-1, 1])
@pytest.mark.parametrize("modes", ["XXX", "JXT"])
@pytest.mark.parametrize("after", [[(), (0,), (1,)], [(), (), (0, 1)], [(), (0,), (0,)]])
def test_a_success_is_planned_as_the_general_case_would_plan_it(
    after: list[tuple[int, ...]], modes: str, pivot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every vector of three steps, in a chain, in parallel and joined."""
    graph = shaped(after, modes, pivot=pivot)
    groups = [
        group_of(graph, State(Phase.RUNNING, "".join(letters), is_cancelled, is_paused, deadline, None), event, extra)
        for letters in product("PDdS", repeat=3)
        for step in range(3)
        for is_cancelled, is_paused in ((False, False), (True, False), (False, True))
        for deadline in (None, 1.0)
        for event, extra in (
            (ev.Succeeded(step), ()),
            (ev.Succeeded(step), (ev.Retried((step + 1) % 3),)),
            (ev.Ongoing(step, 1.0), ()),
            (ev.Rejected(step, "no"), ()),
        )
    ]
    found = [plan_of(group) for group in groups]
    is_plain = [
        planning._is_plain_success(group, made.decision) for group, (made, _) in zip(groups, found, strict=True)
    ]
    monkeypatch.setattr(planning, "_is_plain_success", lambda *_: False)

    assert found == [plan_of(group) for group in groups]
    assert 20 < sum(is_plain) < len(groups) / 2


def test_a_command_that_is_handed_on_is_fetched() -> None:
    """Its row knows of the calls of earlier claims, and its saga may have no newer version: a claim made here would not tell the truth."""
    group = group_of(chain("X"), replace(UNDOING, phase=Phase.RUNNING, vector="D"), ev.Ongoing(0, 0.0), ())
    group.outcomes[0].next_process = 9
    planned, notifications = plan_of(group)
    (dispatch,) = planned.write.dispatches
    assert dispatch.owner == 9
    assert next_claim(group, planned, dispatch, 0.0) == CommandRef(SAGA, 0)
    assert notifications.claim_refs == {9: [CommandRef(SAGA, 0)]}


@pytest.mark.parametrize(
    ("first", "second", "consumed"),
    [
        ("event", None, ["e-1"]),
        ("event", "timeout", ["e-1"]),
        ("timeout", "event", []),
        ("otherwise", "event", []),
        ("event", "other event", ["e-1"]),
    ],
)
def test_only_the_outcome_that_is_recorded_consumes_its_event(
    first: str, second: str | None, consumed: list[str]
) -> None:
    """G58: of two claims of a wait, one has found its time over and the other one an event."""
    state = replace(UNDOING, phase=Phase.RUNNING, vector="DP")
    claim = replace(work_on(state), operation=Operation.EXECUTE)
    known = {
        "event": Outcome(claim, ev.Succeeded(0), b"1", consumes="e-1"),
        "other event": Outcome(claim, ev.Succeeded(0), b"1", consumes="e-2"),
        "otherwise": Outcome(claim, ev.Succeeded(0), b"2"),
        "timeout": Outcome(claim, ev.Rejected(0, "no event"), is_fenced=True),
    }
    group = group_of(WAITING, state, ev.Succeeded(0), ())
    group.outcomes = [known[name] for name in (first, second) if name is not None]

    made, _ = plan_of(group)

    assert [one.event for one in made.write.consumptions] == consumed


def group_of(
    graph: Graph, state: State, event: ev.Succeeded | ev.Ongoing | ev.Rejected, extra: Sequence[ev.Event]
) -> OutcomeGroup:
    claim = replace(work_on(state), step=event.step, operation=Operation.EXECUTE)
    return OutcomeGroup(SAGA, graph, 5, state, 7, 0.0, [Outcome(claim, event, b"1")], extra)


def plan_of(group: OutcomeGroup) -> tuple[CommitPlan, Notifications]:
    router = router_with(room=True)
    router.serve(["service"])
    notifications = Notifications()
    return plan(group, router, notifications, now=2.0, jitter=0.5, enforce_deadline=True), notifications


def planned(
    outcomes: list[Outcome], *extra: ev.Event, state: State = UNDOING, queues_commands: bool, modes: str = "X"
) -> CommitPlan:
    router = router_with(room=False, queues_commands=queues_commands)
    group = OutcomeGroup(SAGA, chain(modes), 5, state, None, 0.0, outcomes, extra)
    return plan(group, router, Notifications(), now=0.0, jitter=0.5, enforce_deadline=True)


def work_on(state: State) -> Claim:
    return Claim(
        saga=SAGA, step=0, operation=Operation.COMPENSATE, number=1, definition=1, version=5, state=state, waiter=None,
        input=b"{}", results={}, deliveries=1, failures=1, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
