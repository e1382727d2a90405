"""A definition as data: the named, versioned graph that every decision about a saga is based on.

Built by `saga.Definition`, stored as canonical JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import rfc8785

from saga.core.definition.json_value import Json
from saga.core.definition.step import Step
from saga.core.definition.stored_form import FORMATS_READ, check_types, document_of, format_of, keys_of, read
from saga.errors import DefinitionError

STEPS_MAX: Final = 500
EDGES_MAX: Final = 5_000
DEFINITION_BYTES_MAX: Final = 256 * 1024


@dataclass(frozen=True)
class Graph:
    """A whole definition. Immutable; everything that is derived from its steps is computed once."""

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
            for predecessor in step.after:
                found[predecessor].append(position)
        return tuple(tuple(followers) for followers in found)

    @cached_property
    def pivot(self) -> int:
        """The position of the pivot, -1 if there is none."""
        return next((position for position, step in enumerate(self.steps) if step.pivot), -1)

    @cached_property
    def downward(self) -> tuple[int, ...]:
        """The positions of the steps in the order in which a rollback settles them: each after all its successors."""
        order: list[int] = []
        open_successors = [len(followers) for followers in self.successors]
        ready = [position for position, count in enumerate(open_successors) if count == 0]
        while ready:
            position = ready.pop()
            order.append(position)
            for predecessor in self.steps[position].after:
                open_successors[predecessor] -= 1
                if open_successors[predecessor] == 0:
                    ready.append(predecessor)
        return tuple(order)

    @cached_property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({step.service for step in self.steps}))

    @cached_property
    def canonical(self) -> bytes:
        """RFC 8785 canonical JSON of everything that affects how a saga runs."""
        return rfc8785.dumps({"format": format_of(self), **document_of(self)})

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
        """Returns the position of the step with this name. Raises ValueError if there is none."""
        return [step.name for step in self.steps].index(name)


def graph_from_document(document: Mapping[str, Json]) -> Graph:
    """Rebuilds a graph from its stored form. Raises KeyError, TypeError or ValueError if the form is malformed."""
    if document["format"] not in FORMATS_READ:
        raise ValueError(
            f"definition format {document['format']} is not {' or '.join(map(str, FORMATS_READ))}: a newer Saga wrote it"
        )
    return read(Graph, {key: document[key] for key in keys_of(Graph)}, document["format"])


def graph_from_json(data: bytes | str) -> Graph:
    """Reads a stored definition.

    Raises:
        DefinitionError: this build cannot read it; the message says where.
    """
    try:
        if len(data) > DEFINITION_BYTES_MAX:
            raise ValueError(f"{len(data)} bytes, a definition has at most {DEFINITION_BYTES_MAX}")
        graph = graph_from_document(json.loads(data))
        _check(graph)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DefinitionError(f"not a definition: {type(error).__name__}: {str(error)[:160]!a}") from error
    return graph


def _check(graph: Graph) -> None:
    """Refuses a faulty stored form here, before any decision relies on it."""
    if not 1 <= len(graph.steps) <= STEPS_MAX or sum(len(step.after) for step in graph.steps) > EDGES_MAX:
        raise ValueError("too few or too many steps")
    check_types(graph, "definition")
    for position, step in enumerate(graph.steps):
        check_types(step, f"step {position}")
        for predecessor in (*step.after, *step.reads):
            if type(predecessor) is not int or not 0 <= predecessor < len(graph.steps):
                raise ValueError(f"step {position} has no predecessor {str(predecessor)[:20]!a}")
