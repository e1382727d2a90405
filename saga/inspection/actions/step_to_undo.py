"""The step that an operator wants to undo while the saga goes on, or the reason why it cannot be undone alone."""

from __future__ import annotations

from saga.core.condition.needs import results_read
from saga.core.definition.graph import Graph
from saga.core.definition.paths import needs
from saga.core.definition.step import Step
from saga.core.rules.retraction import RETRACTED_LETTERS, is_retractable, rests_on
from saga.core.state.letters import ANY_DISPATCHED, FINISHED_LETTERS, PENDING, SUCCEEDED
from saga.core.state.phase import Phase
from saga.errors import Conflict
from saga.inspection.actions.basis import Basis
from saga.inspection.wording import letter_word


def step_to_undo(basis: Basis, name: str) -> int:
    """Returns the position of the step. Raises Conflict: it cannot be undone alone, and the message says what can be done instead."""
    if name not in basis.graph.positions:
        raise Conflict(f"saga {basis.saga} has no step {name}")
    position = basis.graph.positions[name]
    obstacle = _obstacle(basis, position) if basis.state.phase is Phase.RUNNING else None
    if obstacle is not None:
        raise Conflict(f"step {name}: {obstacle}")
    return position


def readers_of(graph: Graph, vector: str, position: int) -> list[str]:
    """Names those that still need the result of a step: steps that are not finished, and the saga for what it returns."""
    name = graph.steps[position].name
    found = [
        other.name
        for other, letter in zip(graph.steps, vector, strict=True)
        if letter not in FINISHED_LETTERS
        and (name in needs(other.inputs) or position in results_read(other, graph.positions))
    ]
    return [*found, "the saga for its return value"] if name in needs(graph.returns) else found


def _obstacle(basis: Basis, position: int) -> str | None:
    graph, vector = basis.graph, basis.state.vector
    return _of_its_kind(graph.steps[position]) or _of_its_state(graph, vector, position)


def _of_its_kind(step: Step) -> str | None:
    if not step.service:
        return "it is a check, which has no effect"
    if step.pivot:
        return "it is the pivot, on which it depends whether the saga can be rolled back; roll the saga back instead"
    return None if is_retractable(step) else "it has no compensation"


def _of_its_state(graph: Graph, vector: str, position: int) -> str | None:
    letter = vector[position]
    if letter in RETRACTED_LETTERS:
        return f"it is {letter_word(letter)} already"
    if letter == PENDING:
        return "it has not begun"
    if letter != SUCCEEDED and letter not in ANY_DISPATCHED:
        return f"it is {letter_word(letter)}: there is nothing to undo"
    if resting := rests_on(graph, vector, position):
        names = ", ".join(graph.steps[each].name for each in resting)
        return f"{names} has run behind it; undo that first, or roll the saga back"
    if readers := readers_of(graph, vector, position):
        return f"its result is read by {', '.join(readers)}; roll the saga back instead"
    return None
