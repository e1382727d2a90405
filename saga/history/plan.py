"""The parts of a definition that the rules need, read from its canonical JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

FORMATS_READ: Final = (1, 2, 3)
ENGINE: Final = "E"  # the mode of checks, waits and timers
_OF_ALL: Final = frozenset(
    {"name", "kind", "pivot", "retriable", "successes", "condition", "handled", "optional", "after"}
)
_OF_CALLS: Final = frozenset({
    "service", "handler", "inputs", "read_only", "timeout_ms", "retry", "undo_retry", "mode", "compensation", "probe", "reads",
    "until",
})  # fmt: skip
KEYS: Final = {
    "call": _OF_ALL | _OF_CALLS,
    "check": _OF_ALL | {"holds", "reason"},
    "wait": _OF_ALL | {"names", "wait_ms", "otherwise", "cancels", "service"},
    "timer": _OF_ALL | {"pause_ms", "until", "service"},
}
"""The keys of a step of each kind."""
_OF_DEFINITION: Final = frozenset(
    ["format", "name", "version", "steps", "deadline_ms", "compensation_budget_ms", "returns"]
)


@dataclass(frozen=True, slots=True)
class StepView:
    """A step; `after` and `successors` are positions. `mode`: T transactional, J journaled, X external, E of Saga itself.

    `successes`: how many of `after` must have succeeded; 0: all must be finished. `condition`: where it is false, the step is skipped.
    `holds`: what a check checks. `until`: once that step has finished, this one is skipped; `is_timer`: even while it runs. `cancels`: it
    waits for an event that cancels the saga. `goes_on`: the saga goes on after a rejection; `is_optional`: also after it was given up.
    """

    name: str
    mode: str
    after: tuple[int, ...]
    successors: tuple[int, ...]
    is_read_only: bool
    has_compensation: bool
    successes: int
    condition: str | None
    holds: str | None
    until: int | None
    is_timer: bool
    cancels: bool
    goes_on: bool
    is_optional: bool


@dataclass(frozen=True, slots=True)
class GraphView:
    """A whole definition. `pivot` is -1 if there is none; in `downward` each step comes after all its successors.

    `is_static`: a step runs when all its predecessors are finished, whatever is recorded.
    """

    steps: tuple[StepView, ...]
    pivot: int
    downward: tuple[int, ...]
    is_static: bool


def plan_of(document: bytes) -> GraphView:
    """Reads a definition. Raises ValueError if this checker does not know the document."""
    try:
        content = json.loads(document)
        if content["format"] not in FORMATS_READ:
            raise ValueError(f"format {content['format']} is not one of {FORMATS_READ}: a newer Saga wrote it")
        _refuse_unknown("a definition", content.keys() - _OF_DEFINITION)
        for entry in content["steps"]:
            kind = entry.get("kind", "call")
            if kind not in KEYS:
                raise ValueError(f"steps of the kind {kind!r} are unknown: a newer Saga wrote it")
            _refuse_unknown("a step", entry.keys() - KEYS[kind])
        return _plan(content["steps"])
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(f"this is not a definition: {error!r}") from error


def _refuse_unknown(what: str, keys: set[str]) -> None:
    if keys:
        raise ValueError(f"the keys {', '.join(sorted(keys))} of {what} are unknown: a newer Saga wrote it")


def _plan(entries: list[dict[str, Any]]) -> GraphView:
    after = [tuple(_positions(entry["after"])) for entry in entries]
    steps = tuple(_step(entry, position, after) for position, entry in enumerate(entries))
    pivot = next((position for position, entry in enumerate(entries) if entry["pivot"] is True), -1)
    is_static = not any(
        step.condition or step.successes or step.mode == ENGINE or step.until is not None for step in steps
    )
    return GraphView(steps, pivot, _downward(steps), is_static)


def _step(entry: dict[str, Any], position: int, after: list[tuple[int, ...]]) -> StepView:
    kind = entry.get("kind", "call")
    is_call = kind == "call"
    return StepView(
        name=str(entry["name"]),
        mode=str(entry["mode"]) if is_call else ENGINE,
        after=after[position],
        successors=tuple(other for other, befores in enumerate(after) if position in befores),
        is_read_only=not is_call or entry["read_only"] is True,
        has_compensation=is_call and entry["compensation"] is True,
        successes=int(entry.get("successes", 0)),
        condition=entry.get("condition"),
        holds=entry["holds"] if kind == "check" else None,
        until=entry.get("until"),
        is_timer=kind == "timer",
        cancels=entry.get("cancels") is True,
        goes_on=entry.get("handled") is True or entry.get("optional") is True,
        is_optional=entry.get("optional") is True,
    )


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
