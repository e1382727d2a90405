"""The changes that an action makes, line by line: for a dry run, and to show them before an operator confirms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.state.letters import SUCCEEDED, UNDER_WAY_LETTERS, UNKNOWN
from saga.core.state.saga_state import State
from saga.inspection.wording import letter_word, phase_word

_MAY_HAVE_EFFECT: Final = UNDER_WAY_LETTERS | {SUCCEEDED, UNKNOWN}  # when the saga is abandoned


def changes(graph: Graph, before: State, after: State) -> list[str]:
    """Lists each step whose state changes, and what changes for the whole saga."""
    lines = [
        f"{step.name}: {letter_word(old)} -> {letter_word(new)}"
        for step, old, new in zip(graph.steps, before.vector, after.vector, strict=True)
        if old != new
    ]
    if before.phase is not after.phase:
        lines.append(f"saga: {phase_word(before.phase)} -> {phase_word(after.phase)}")
    if before.paused is not after.paused:
        lines.append("saga: paused" if after.paused else "saga: resumed")
    if after.rollback_requested and not before.rollback_requested:
        lines.append("saga: rollback requested; it waits for the outcome of the pivot")
    return lines


def remaining_effects(graph: Graph, vector: str) -> list[str]:
    """Lists what an abandoned saga leaves behind: the effects that exist, and those that may exist."""
    return [f"left: {line}" for line in _left(graph, vector)]


def _left(graph: Graph, vector: Sequence[str]) -> Iterator[str]:
    for step, letter in zip(graph.steps, vector, strict=True):
        if letter in _MAY_HAVE_EFFECT and not step.read_only:
            known = "its effect remains" if letter == SUCCEEDED else f"its effect may exist ({letter_word(letter)})"
            yield f"{step.name} ({step.service}): {known}"
