"""The parts of a definition that the rules need, read from its canonical JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

FORMATS_READ: Final = (1, 2)
KNOWN: Final[dict[str, str | None]] = {
    "kind": "call",
    "join": "all",
    "condition": None,
}  # what a step of format 2 may say


@dataclass(frozen=True, slots=True)
class StepView:
    """A step; `after` and `successors` are positions. `mode`: T transactional, J journaled, X external."""

    name: str
    mode: str
    after: tuple[int, ...]
    successors: tuple[int, ...]
    is_read_only: bool
    has_compensation: bool


@dataclass(frozen=True, slots=True)
class GraphView:
    """A whole definition. `pivot` is -1 if there is none; in `downward` each step comes after all its successors."""

    steps: tuple[StepView, ...]
    pivot: int
    downward: tuple[int, ...]


def plan_of(document: bytes) -> GraphView:
    """Reads a definition. Raises ValueError if this checker does not know the document."""
    try:
        content = json.loads(document)
        if content["format"] not in FORMATS_READ:
            raise ValueError(f"format {content['format']} is not one of {FORMATS_READ}: a newer Saga wrote it")
        if any(entry.get(key, known) != known for entry in content["steps"] for key, known in KNOWN.items()):
            raise ValueError("a step of a kind, join or condition that this checker does not know")
        return _plan(content["steps"])
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"this is not a definition: {error!r}") from error


def _plan(entries: list[dict[str, object]]) -> GraphView:
    after = [tuple(_positions(entry["after"])) for entry in entries]
    steps = tuple(
        StepView(
            name=str(entry["name"]),
            mode=str(entry["mode"]),
            after=after[position],
            successors=tuple(other for other, befores in enumerate(after) if position in befores),
            is_read_only=entry["read_only"] is True,
            has_compensation=entry["compensation"] is True,
        )
        for position, entry in enumerate(entries)
    )
    pivot = next((position for position, entry in enumerate(entries) if entry["pivot"] is True), -1)
    return GraphView(steps, pivot, _downward(steps))


def _positions(value: object) -> list[int]:
    if not isinstance(value, list):
        raise TypeError("`after` is a list of positions")
    return value


def _downward(steps: tuple[StepView, ...]) -> tuple[int, ...]:
    order: list[int] = []
    left = set(range(len(steps)))
    while left:
        free = [position for position in left if left.isdisjoint(steps[position].successors)]
        if not free:
            raise ValueError("its steps wait for each other in a cycle")
        order += free
        left.difference_update(free)
    return tuple(order)
