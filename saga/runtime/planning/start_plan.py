"""Plans a start: the first decision of a saga and its first commands."""

from __future__ import annotations

from typing import Final

from saga.core.condition.facts import Facts
from saga.core.definition.graph import Graph
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.rules.decision import Decision, HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import HANDLED
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import initial_state
from saga.ports.values.notification import Notifications
from saga.ports.values.start import Start
from saga.ports.values.write import Dispatch
from saga.runtime.planning.assignment import Routes, dispatch_to_owner, dispatch_to_queue, parking_of
from saga.runtime.planning.start_request import StartRequest

_GOING_WELL: Final = (Phase.RUNNING, Phase.COMPLETED)
_AS_IT_BEGINS: Final = (HistoryEntry(HistoryKind.STARTED, -1, None),)


def first_decision(graph: Graph, now: float, facts: Facts) -> Decision:
    """E1: what a new saga calls for. The store computes the deadline from its own clock; `now` is an estimate of that clock.

    A saga that is rejected at once is stored as it begins, without a command: a redrive decides the rest. So is one that goes on after a
    rejection, since a start records no results, and the reason is one.
    """
    begun = initial_state(graph, now=now)
    decision = decide(graph, begun, [ev.Started()], now=now, jitter=0.0, enforce_deadline=False, facts=facts)
    if decision.state.phase in _GOING_WELL and HANDLED not in decision.state.vector:
        return decision
    return Decision(begun, True, (), _AS_IT_BEGINS)  # noqa: FBT003 (changed)


def is_undecided(decision: Decision) -> bool:
    """Returns whether a saga is stored as it begins, so that it has to be redriven."""
    return decision.state.phase is Phase.RUNNING and not decision.commands


def start_of(
    request: StartRequest, decision: Decision, routes: Routes, notifications: Notifications, *, assign: bool = True
) -> Start:
    """The row of a new saga and of its commands. `assign` False puts all commands into queues: nobody knows when the caller commits."""
    graph = request.graph
    dispatches: list[Dispatch] = []
    for command in decision.commands:
        service = graph.steps[command.step].service
        is_engine = graph.steps[command.step].mode is Mode.ENGINE
        is_assigned = assign and command.after_seconds == 0
        dispatch = dispatch_to_owner(request.saga, command, service, routes, notifications) if is_assigned else None
        if dispatch is None and (routes.queues_commands or is_engine or not assign):
            dispatch = dispatch_to_queue(command, service, notifications)
        if dispatch is not None:  # else it goes over the bus
            dispatches.append(dispatch)
    return Start(
        saga=request.saga,
        definition=request.definition,
        definition_name=graph.name,
        state=decision.state,
        deadline_seconds=graph.deadline_seconds,
        input=request.input,
        key=request.key,
        input_hash=request.input_hash,
        tags=request.tags,
        dispatches=dispatches,
        entries=decision.entries,
        trace=request.trace,
        parkings=[
            parking_of(step, each.step) for each in dispatches if (step := graph.steps[each.step]).mode is Mode.ENGINE
        ],
    )
