"""What a decision is turned into. Each fact here was found by a seed of the simulation."""

from __future__ import annotations

from uuid import UUID

from saga.core import events as ev
from saga.core.decide import State
from saga.core.states import Operation, Phase
from saga.ports.clock import SystemClock
from saga.ports.work import PARKED_SECONDS, Signals, Work
from saga.runtime.outcome import Outcome
from saga.runtime.planning import Group, Plan, plan
from saga.runtime.router import Router
from tests.core.graphs import chain

SAGA = UUID(int=1)
UNDOING = State(Phase.COMPENSATING, "k", cancel_requested=False, paused=False, deadline=None, reason=None)


def test_a_command_is_set_aside_only_on_the_row_that_was_decided_on() -> None:
    """An operator has sent it round again meanwhile: set aside by a writer that knows nothing of that, it would stay so for ever."""
    failed = ev.Failed(0, "down", 2, 1.0, operation=Operation.COMPENSATE)

    made = planned([Outcome(work_on(UNDOING), failed)], queues_commands=True)

    assert made.write.delays[0].after_seconds == PARKED_SECONDS
    assert made.write.changed, "the version is checked"


def test_a_step_that_was_set_aside_goes_through_its_row_also_over_an_outside_bus() -> None:
    """The row is due at the end of time, and would refuse a delivery."""
    made = planned([], ev.Retried(0), queues_commands=False)

    assert [dispatch.operation for dispatch in made.write.dispatches] == [Operation.COMPENSATE]
    assert not made.messages


def test_what_a_pause_has_set_aside_goes_through_its_row_also_over_an_outside_bus() -> None:
    paused = UNDOING._replace(vector="K", paused=True)

    made = planned([], ev.Resumed(), state=paused, queues_commands=False)

    assert [dispatch.operation for dispatch in made.write.dispatches] == [Operation.COMPENSATE]


def planned(outcomes: list[Outcome], *extra: ev.Event, state: State = UNDOING, queues_commands: bool) -> Plan:
    router = Router(SystemClock(), queues_commands=queues_commands, has_room=lambda _: False)
    group = Group(SAGA, chain("X"), 5, state, None, 0.0, outcomes, extra)
    return plan(group, router, Signals(), now=0.0, jitter=0.5, enforce_deadline=True)


def work_on(state: State) -> Work:
    return Work(
        saga=SAGA, step=0, operation=Operation.COMPENSATE, claim=1, definition=1, version=5, state=state, waiter=None,
        input=b"{}", results={}, deliveries=1, failures=1, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
