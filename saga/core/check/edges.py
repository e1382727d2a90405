"""Edges, and the outputs that are read along them."""

from __future__ import annotations

from collections.abc import Iterator

from saga.core.check.finding import Code, Finding, error
from saga.core.check.place import step_place, title
from saga.core.definition.graph import EDGES_MAX, STEPS_MAX
from saga.core.definition.outline import Outline
from saga.core.definition.paths import reads


def edge_findings(outline: Outline) -> Iterator[Finding]:
    place = title(outline)
    if len(outline.steps) > STEPS_MAX:
        reason = f"It has {len(outline.steps)} steps; {STEPS_MAX} are allowed."
        yield error(Code.TOO_MANY_STEPS, place, reason, "Move a part of it into one step.")
    edges = sum(map(len, outline.after))
    if edges > EDGES_MAX:
        reason = f"Its steps name {edges} predecessors in total; {EDGES_MAX} are allowed."
        yield error(Code.TOO_MANY_EDGES, place, reason, "Join many branches in one step and go on from there.")
    for step in outline.steps:
        for name in dict.fromkeys(step.after):
            if name not in outline.positions:
                remedy = known_steps(outline)
                yield error(
                    Code.UNKNOWN_PREDECESSOR,
                    step_place(outline, step),
                    f"It comes after {name}, which is not a step.",
                    remedy,
                )
    for cycle in outline.order.cycles:
        names = [outline.steps[node].name for node in cycle]
        reason = f"These steps wait for each other: {' -> '.join([*names, names[0]])}."
        yield error(Code.CYCLE, place, reason, "Remove one of these edges.")


def known_steps(outline: Outline) -> str:
    return f"The steps are: {', '.join(outline.positions)}."


def reading_findings(outline: Outline) -> Iterator[Finding]:
    for step in outline.calls:
        position = outline.positions[step.name]
        for name in reads(step.inputs):
            place = f"{step_place(outline, step)}, inputs"
            if name not in outline.positions:
                reason = f"They read the output of {name}, which is not a step."
                yield error(Code.READS_UNKNOWN, place, reason, known_steps(outline))
            elif not outline.is_finished_before(outline.positions[name], position):
                reason = f"They read the output of {name}, which may not have finished by then."
                yield error(Code.READS_UNORDERED, place, reason, f"Put {name} before it: after={name}.")
    for name in reads(outline.returns):
        if name not in outline.positions:
            place = f"{title(outline)}, returns"
            reason = f"It reads the output of {name}, which is not a step."
            yield error(Code.READS_UNKNOWN, place, reason, known_steps(outline))
