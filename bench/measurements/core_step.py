"""Times the pure core: a saga of five steps from start to end, decision by decision."""

from __future__ import annotations

import time

from bench.measurement import Figures, Setup
from saga.core.definition.graph import Graph
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.definition.step import Call, Step
from saga.core.rules.decide import decide
from saga.core.rules.events import Event, Started, Succeeded
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state

STEPS = 5
SAGAS = 5_000
NAMES = ("reserve", "charge", "label", "ship", "notify")
NOW, DEADLINE_MS = 1_000_000.0, 120_000

RETRY = RetryPolicy(
    attempts=5, first_ms=200, cap_ms=30_000, factor_percent=200, jitter_percent=20, give_up_after_ms=None
)


def core(setup: Setup) -> Figures:
    """Returns the time of a step. A step costs one decision; the decision that starts the saga is shared among its steps."""
    graph = _graph()
    events: list[Event] = [Started(), *map(Succeeded, range(STEPS))]
    first = initial_state(graph, now=NOW)
    began = time.process_time()
    endings = [_drive(graph, first, events).phase for _ in range(SAGAS)]
    seconds = time.process_time() - began
    if set(endings) != {Phase.COMPLETED}:
        raise RuntimeError(f"sagas were driven to {set(endings)}, not to their end")
    return {"core_us_per_step": seconds / (SAGAS * STEPS) * 1e6}


def _drive(graph: Graph, state: State, events: list[Event]) -> State:
    for event in events:
        state = decide(graph, state, (event,), now=NOW, jitter=0.5, enforce_deadline=True).state
    return state


def _graph() -> Graph:
    steps = tuple(_step(position, name) for position, name in enumerate(NAMES))
    return Graph("order", 1, steps, deadline_ms=DEADLINE_MS, compensation_budget_ms=60_000, returns=None)


def _step(position: int, name: str) -> Step:
    return Call(
        name=name,
        service=name,
        handler=name,
        mode=Mode.EXTERNAL,
        after=(position - 1,) if position else (),
        pivot=False,
        retriable=False,
        read_only=False,
        compensation=True,
        probe=False,
        timeout_ms=10_000,
        retry=RETRY,
        compensation_retry=RETRY,
        inputs=None,
        reads=(),
    )
