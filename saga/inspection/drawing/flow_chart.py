"""A definition as a Mermaid flow chart: beside the edges it shows how many of them a step waits for, and under which condition it runs."""

from __future__ import annotations

from typing import Final

from saga.core.definition.graph import Graph
from saga.core.definition.step import StepKind
from saga.inspection.branch_words import branch_words

_FRAMES: Final = {
    StepKind.CALL: ("[", "]"),
    StepKind.CHECK: ("{", "}"),
    StepKind.WAIT: ("([", "])"),
    StepKind.TIMER: ("{{", "}}"),
}
_ENTITIES: Final = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}
"""Characters that have a meaning in the text of a node, as Mermaid writes them."""


def flow_chart(graph: Graph) -> str:
    """A Mermaid flow chart; the pivot has a double frame, a check is a rhombus, a wait has round ends, a timer is a hexagon."""
    rows = ["flowchart LR"]
    for position, step in enumerate(graph.steps):
        before, after = ("[[", "]]") if step.pivot else _FRAMES[step.kind]
        label = "<br/>".join([step.name, *map(_escaped, branch_words(graph, step))])
        rows.append(f'  s{position}{before}"{label}"{after}')
        rows += [f"  s{before} --> s{position}" for before in step.after]
    return "\n".join(rows)


def _escaped(text: str) -> str:
    return "".join(_ENTITIES.get(character, character) for character in text)
