"""A definition as a Mermaid flow chart."""

from __future__ import annotations

from saga.core.definition.graph import Graph


def flow_chart(graph: Graph) -> str:
    """A Mermaid flow chart; the pivot has a double frame."""
    rows = ["flowchart LR"]
    for position, step in enumerate(graph.steps):
        frame = f'[["{step.name}"]]' if step.pivot else f'["{step.name}"]'
        rows.append(f"  s{position}{frame}")
        rows += [f"  s{before} --> s{position}" for before in step.after]
    return "\n".join(rows)
