"""The values that a condition reads, one in each cell, and the way along a path from such a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from saga.core.definition.json_value import Json
from saga.core.definition.paths import Segments

ABSENT: Final[Json] = object()
"""Fills the cell of a word that a step does not have, such as the output of one that was skipped."""
INPUT: Final[Segments] = ("input",)
_STEP_PARTS: Final = len(("steps", "name", "word"))

Cells: TypeAlias = Sequence[Json]
Read: TypeAlias = Callable[[Cells], Json]


def root_of(path: Segments) -> Segments:
    """Returns the part of a path that a cell holds: the input, or a word of a step."""
    return path[:_STEP_PARTS] if path[0] == "steps" else INPUT


def along(cell: int, path: Segments) -> Read:
    """Returns what reads the value at the end of a path. It raises LookupError or TypeError where the path leads nowhere."""
    if not path:
        return _whole(cell)
    if len(path) == 1 and isinstance(path[0], str):
        return _field(cell, path[0])

    kinds: list[tuple[Json, Json]] = [(segment, list if isinstance(segment, int) else dict) for segment in path]

    def read(cells: Cells) -> Json:
        value = cells[cell]
        for segment, kind in kinds:
            if type(value) is not kind:
                raise LookupError(segment)
            value = value[segment]
        return value

    return read


def _whole(cell: int) -> Read:
    def read(cells: Cells) -> Json:
        value = cells[cell]
        if value is ABSENT:
            raise LookupError
        return value

    return read


def _field(cell: int, name: str) -> Read:
    def read(cells: Cells) -> Json:
        return cells[cell][name]  # a TypeError unless it is a dict

    return read


def values_of(roots: Sequence[Segments], cells: Cells) -> dict[str, Json]:
    """Returns the cells as the variables of a condition."""
    values: dict[str, Json] = {}
    steps: dict[Json, dict[Json, Json]] = {}
    for root, value in zip(roots, cells, strict=True):
        if root == INPUT:
            values["input"] = value
        else:
            words = steps.setdefault(root[1], {})
            if value is not ABSENT:
                words[root[2]] = value
    return {**values, "steps": steps} if steps else values
