"""Times the pure core: a saga of five steps from start to end, decision by decision, without and with conditions."""

from __future__ import annotations

import time
from itertools import zip_longest

from bench.measurement import Figures, Setup
from saga.core.condition.facts import NO_FACTS, Facts
from saga.core.definition.graph import Graph
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.definition.step import Call, Step
from saga.core.rules.decide import decide
from saga.core.rules.events import Event, Started, Succeeded
from saga.core.state.mode import Mode
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State, initial_state

STEPS = 5
SAGAS = 1_000
ROUNDS = 5
NAMES = ("reserve", "charge", "label", "ship", "notify")
CONDITIONS = (
    "input.cents > 100",
    *(f"input.cents > 100 && steps.{before}.output.risk < 0.5" for before in NAMES[:-1]),
)
FACTS = Facts(b'{"cents": 500, "sku": "bolt"}', dict.fromkeys(range(STEPS), b'{"risk": 0.2}'))
NOW, DEADLINE_MS = 1_000_000.0, 120_000

RETRY = RetryPolicy(
    attempts=5, first_ms=200, cap_ms=30_000, factor_percent=200, jitter_percent=20, give_up_after_ms=None
)


def core(setup: Setup) -> Figures:
    """Returns the time of a plain step, of one with a condition, and how many times as long the latter is.

    A step costs one decision; the decision that starts the saga is shared among its steps.
    """
    plain, conditional = _graph(), _graph(*CONDITIONS)
    _seconds(conditional, sagas=1)  # loads the library and compiles the conditions
    found = [
        (_seconds(plain), _seconds(conditional)) for _ in range(ROUNDS)
    ]  # alternating, as the machine's speed changes
    seconds, with_condition = (sum(column) / (ROUNDS * SAGAS * STEPS) for column in zip(*found, strict=True))
    return {
        "core_us_per_step": seconds * 1e6,
        "core_condition_us_per_step": with_condition * 1e6,
        "core_condition_times": with_condition / seconds,
    }


def _seconds(graph: Graph, sagas: int = SAGAS) -> float:
    events: list[Event] = [Started(), *map(Succeeded, range(STEPS))]
    first = initial_state(graph, now=NOW)
    began = time.process_time()
    endings = [_drive(graph, first, events).phase for _ in range(sagas)]
    seconds = time.process_time() - began
    if set(endings) != {Phase.COMPLETED}:
        raise RuntimeError(f"sagas were driven to {set(endings)}, not to their end")
    return seconds


def _drive(graph: Graph, state: State, events: list[Event]) -> State:
    facts = NO_FACTS if graph.is_static else FACTS
    for event in events:
        state = decide(graph, state, (event,), now=NOW, jitter=0.5, enforce_deadline=True, facts=facts).state
    return state


def _graph(*conditions: str) -> Graph:
    steps = tuple(
        _step(position, name, condition) for position, (name, condition) in enumerate(zip_longest(NAMES, conditions))
    )
    return Graph("order", 1, steps, deadline_ms=DEADLINE_MS, compensation_budget_ms=60_000, returns=None)


def _step(position: int, name: str, condition: str | None) -> Step:
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
        condition=condition,
    )
