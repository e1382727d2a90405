"""Tells for which moment and which events the command of an engine step is parked."""

from __future__ import annotations

from saga.core.definition.step import Step, Timer, Wait
from saga.ports.values.write import Parking


def parking_of(step: Step, position: int) -> Parking:
    """The parking of an engine step. A moment that is stored already stays as it is (G64)."""
    match step:
        case Wait():
            return Parking(position, None if step.wait_ms is None else step.wait_ms / 1000, step.names)
        case Timer():
            return Parking(position, step.pause_ms / 1000)
    raise TypeError(f"{step.name} waits for nothing")
