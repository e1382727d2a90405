"""A definition as data: the named, versioned graph that every decider of a saga reads.

Built by `saga.Definition`, stored as canonical JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import rfc8785

from saga.core.state.mode import Mode
from saga.errors import DefinitionError

STEPS_MAX: Final = 500
EDGES_MAX: Final = 5_000
DEFINITION_BYTES_MAX: Final = 256 * 1024
FORMAT: Final = 1

# A JSON value. Spelled `Any` inside: a recursive alias costs every reader a cast at each step into it.
Json = Any


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How technical failures are tried again. Percentages and milliseconds, because the canonical form has no fractions.

    The pause before attempt n + 1 is `first * factor ** (n - 1)`, at most `cap`, made longer or shorter by up to `jitter`.
    `attempts` None: no limit but `give_up_after` and the saga's deadline or compensation budget.
    """

    attempts: int | None
    first_ms: int
    cap_ms: int
    factor_percent: int
    jitter_percent: int
    give_up_after_ms: int | None

    def pause_seconds(self, failures: int, jitter: float) -> float:
        """The pause after that many failures; `jitter` in [0, 1)."""
        exponent = min(failures - 1, 60)
        pause_ms = min(self.first_ms * (self.factor_percent / 100) ** exponent, self.cap_ms)
        return pause_ms / 1000 * (1 + (2 * jitter - 1) * self.jitter_percent / 100)

    def is_exhausted(self, failures: int) -> bool:
        return self.attempts is not None and failures >= self.attempts


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a definition. `after` are positions in `Graph.steps`; `inputs` None means: the saga's input."""

    name: str
    service: str
    handler: str
    mode: Mode
    after: tuple[int, ...]
    pivot: bool
    retriable: bool
    read_only: bool
    compensation: bool
    probe: bool
    timeout_ms: int
    retry: RetryPolicy
    compensation_retry: RetryPolicy
    inputs: Json
    reads: tuple[int, ...]  # the steps whose results `inputs` needs

    @property
    def timeout_seconds(self) -> float:
        return self.timeout_ms / 1000


@dataclass(frozen=True)
class Graph:
    """A whole definition. Immutable; what follows from its steps is worked out once."""

    name: str
    version: int
    steps: tuple[Step, ...]
    deadline_ms: int | None
    compensation_budget_ms: int
    returns: Json
    input_schema: Json = field(default=None, compare=False)  # for people and stubs; never part of the identity

    @cached_property
    def successors(self) -> tuple[tuple[int, ...], ...]:
        found: list[list[int]] = [[] for _ in self.steps]
        for position, step in enumerate(self.steps):
            for before in step.after:
                found[before].append(position)
        return tuple(tuple(followers) for followers in found)

    @cached_property
    def pivot(self) -> int:
        """The position of the pivot, -1 where there is none."""
        return next((position for position, step in enumerate(self.steps) if step.pivot), -1)

    @cached_property
    def downward(self) -> tuple[int, ...]:
        """Positions so ordered that a step comes after all its successors: the order in which a rollback settles."""
        order: list[int] = []
        open_successors = [len(followers) for followers in self.successors]
        ready = [position for position, count in enumerate(open_successors) if count == 0]
        while ready:
            position = ready.pop()
            order.append(position)
            for before in self.steps[position].after:
                open_successors[before] -= 1
                if open_successors[before] == 0:
                    ready.append(before)
        return tuple(order)

    @cached_property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({step.service for step in self.steps}))

    @cached_property
    def canonical(self) -> bytes:
        """RFC 8785 canonical JSON of everything that decides a saga's course."""
        return rfc8785.dumps(_document(self))

    @cached_property
    def hash(self) -> bytes:
        return hashlib.sha256(self.canonical).digest()

    @property
    def deadline_seconds(self) -> float | None:
        return None if self.deadline_ms is None else self.deadline_ms / 1000

    @property
    def compensation_budget_seconds(self) -> float:
        return self.compensation_budget_ms / 1000

    def position(self, name: str) -> int:
        """The position of the step with this name; ValueError where there is none."""
        return [step.name for step in self.steps].index(name)


def _document(graph: Graph) -> dict[str, Json]:
    return {
        "format": FORMAT,
        "name": graph.name,
        "version": graph.version,
        "deadline_ms": graph.deadline_ms,
        "compensation_budget_ms": graph.compensation_budget_ms,
        "returns": graph.returns,
        "steps": [_step_document(step) for step in graph.steps],
    }


def _step_document(step: Step) -> dict[str, Json]:
    return {
        "name": step.name,
        "service": step.service,
        "handler": step.handler,
        "mode": step.mode.value,
        "after": list(step.after),
        "pivot": step.pivot,
        "retriable": step.retriable,
        "read_only": step.read_only,
        "compensation": step.compensation,
        "probe": step.probe,
        "timeout_ms": step.timeout_ms,
        "retry": _retry_document(step.retry),
        "undo_retry": _retry_document(step.compensation_retry),
        "inputs": step.inputs,
        "reads": list(step.reads),
    }


def _retry_document(policy: RetryPolicy) -> dict[str, Json]:
    return {name: getattr(policy, name) for name in RetryPolicy.__slots__}


def graph_from_document(document: Mapping[str, Json]) -> Graph:
    """Rebuild a graph from its stored form. The store's form is ours: anything else raises KeyError, TypeError or ValueError."""
    if document["format"] != FORMAT:
        raise ValueError(f"definition format {document['format']} is not {FORMAT}: a newer Saga wrote it")
    return Graph(
        name=document["name"],
        version=document["version"],
        deadline_ms=document["deadline_ms"],
        compensation_budget_ms=document["compensation_budget_ms"],
        returns=document["returns"],
        steps=tuple(_step_from(entry) for entry in document["steps"]),
    )


def graph_from_json(data: bytes | str) -> Graph:
    """Read a stored definition.

    Raises:
        DefinitionError: it is none that this build can read; the message says where.
    """
    try:
        if len(data) > DEFINITION_BYTES_MAX:
            raise ValueError(f"{len(data)} bytes, a definition has at most {DEFINITION_BYTES_MAX}")
        graph = graph_from_document(json.loads(data))
        _check_types(graph)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DefinitionError(f"not a definition: {type(error).__name__}: {str(error)[:160]!a}") from error
    return graph


def _check_types(graph: Graph) -> None:
    """What is wrong in a stored form must not be found out by whoever decides on it."""
    if not 1 <= len(graph.steps) <= STEPS_MAX or sum(len(step.after) for step in graph.steps) > EDGES_MAX:
        raise ValueError("too few or too many steps")
    _check_fields(graph, "definition", _GRAPH_TYPES)
    for position, step in enumerate(graph.steps):
        _check_fields(step, f"step {position}", _STEP_TYPES)
        _check_fields(step.retry, f"step {position}.retry", _RETRY_TYPES)
        _check_fields(step.compensation_retry, f"step {position}.compensation_retry", _RETRY_TYPES)
        for before in (*step.after, *step.reads):
            if type(before) is not int or not 0 <= before < len(graph.steps):
                raise ValueError(f"step {position} has no predecessor {str(before)[:20]!a}")


def _check_fields(holder: object, place: str, types: Mapping[str, tuple[type, ...]]) -> None:
    for name, allowed in types.items():
        value = getattr(holder, name)
        if type(value) not in allowed or (type(value) is int and not 0 <= value <= _WHOLE_MAX):
            raise TypeError(f"{place}.{name} is a {type(value).__name__} that it cannot be")


_WHOLE_MAX: Final = 2**53 - 1
_NONE: Final = type(None)
_GRAPH_TYPES: Final = {"name": (str,), "version": (int,), "deadline_ms": (int, _NONE), "compensation_budget_ms": (int,)}
_STEP_TYPES: Final = {
    **dict.fromkeys(("name", "service", "handler"), (str,)),
    **dict.fromkeys(("pivot", "retriable", "read_only", "compensation", "probe"), (bool,)),
    "timeout_ms": (int,),
}
_RETRY_TYPES: Final = {
    **dict.fromkeys(("first_ms", "cap_ms", "factor_percent", "jitter_percent"), (int,)),
    **dict.fromkeys(("attempts", "give_up_after_ms"), (int, _NONE)),
}


def _step_from(entry: Mapping[str, Json]) -> Step:
    values = dict(entry)
    values["mode"] = Mode(entry["mode"])
    values["after"] = tuple(entry["after"])
    values["reads"] = tuple(entry["reads"])
    values["retry"] = RetryPolicy(**entry["retry"])
    values["compensation_retry"] = RetryPolicy(**values.pop("undo_retry"))
    return Step(**values)
