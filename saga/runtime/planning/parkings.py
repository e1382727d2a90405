"""Tells for which moment and which events the command of an engine step is parked."""

from __future__ import annotations

from collections.abc import Iterable

from saga.core.definition.graph import Graph
from saga.core.definition.step import Timer, Wait
from saga.ports.values.write import Dispatch, Parking


def parkings_of(graph: Graph, dispatches: Iterable[Dispatch]) -> list[Parking]:
    """The parkings of the engine commands among these. A moment that is stored already stays as it is (G64)."""
    found = []
    for dispatch in dispatches:
        match graph.steps[dispatch.step]:
            case Wait() as step:
                seconds = None if step.wait_ms is None else step.wait_ms / 1000
                found.append(Parking(dispatch.step, seconds, step.names))
            case Timer() as step:
                found.append(Parking(dispatch.step, step.pause_ms / 1000))
    return found
