"""The operation that a step's letter calls for. A command is run only if the vector calls for it at that moment (G1)."""

from __future__ import annotations

from typing import Final

from saga.core.definition.graph import Graph
from saga.core.state.letters import COMPENSATING, DISPATCHED, FROZEN, RESOLVING, VOIDING
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State

_RUNNING, _COMPENSATING, _ABANDONING, _JOURNALED = Phase.RUNNING, Phase.COMPENSATING, Phase.ABANDONING, Mode.JOURNALED
_BACKWARD: Final = {RESOLVING: Operation.EXECUTE, COMPENSATING: Operation.COMPENSATE}
_FORWARD: Final = {DISPATCHED: Operation.EXECUTE, VOIDING: Operation.VOID_OR_REPORT, **_BACKWARD}
"""Single steps are undone while the saga runs, too."""


def called_for(graph: Graph, state: State, step: int) -> Operation | None:
    """Returns the operation that a step calls for now, None if it calls for none or the saga is paused."""
    return None if state.paused else operation_of(state.phase, state.vector[step], graph.steps[step].mode)


def operation_of(phase: Phase, letter: str, mode: Mode) -> Operation | None:
    """Returns the operation that a letter calls for in a phase, None if it calls for none."""
    if phase is _RUNNING:
        return _FORWARD.get(letter)
    if phase is _COMPENSATING:
        return _BACKWARD.get(letter)
    if phase is _ABANDONING and letter == FROZEN and mode is _JOURNALED:
        return Operation.VOID_OR_REPORT
    return None
