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

from saga.core.condition.needs import results_read, results_read_behind
from saga.core.condition.rejection import result_of
from saga.core.definition.json_value import Json
from saga.core.definition.step import Step, Timer, Wait
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
    event_schemas: Json = field(default=None, compare=False)  # the same for the events that it waits for, by name
    source: str | None = field(
        default=None, compare=False
    )  # the text from which it was read; only on its way to the store

    @cached_property
    def successors(self) -> tuple[tuple[int, ...], ...]:
        found: list[list[int]] = [[] for _ in self.steps]
        for position, step in enumerate(self.steps):
            for predecessor in step.after:
                found[predecessor].append(position)
        return tuple(tuple(followers) for followers in found)

    @cached_property
    def is_static(self) -> bool:
        """Returns whether what follows from the success of a step depends on the vector alone."""
        return all(step.is_static and step.until is None for step in self.steps)

    @cached_property
    def event_names(self) -> tuple[str, ...]:
        """The names of the events for which some step waits."""
        return tuple(dict.fromkeys(name for step in self.steps if isinstance(step, Wait) for name in step.names))

    @cached_property
    def may_skip_waiting(self) -> bool:
        """Returns whether a step that waits may be skipped because another one has finished."""
        return bool(self.timers_with_end or self.cancelling)

    @cached_property
    def timers_with_end(self) -> tuple[int, ...]:
        """The timers that are skipped once another step has finished."""
        return tuple(n for n, step in enumerate(self.steps) if isinstance(step, Timer) and step.until is not None)

    @cached_property
    def cancelling(self) -> tuple[int, ...]:
        """The waits for an event that cancels the saga."""
        return tuple(n for n, step in enumerate(self.steps) if isinstance(step, Wait) and step.cancels)

    @cached_property
    def carried(self) -> tuple[tuple[int, ...], ...]:
        """For each step, the steps whose results its claim has: its input needs them, or a condition that follows reads them."""
        if self.is_static:
            return tuple(step.reads for step in self.steps)
        return tuple(
            tuple(sorted({*step.reads, *self._read_after(position)} - {position}))
            for position, step in enumerate(self.steps)
        )

    @cached_property
    def read_by_conditions(self) -> tuple[int, ...]:
        """The steps whose results some condition reads."""
        return tuple(sorted(frozenset().union(*self._results_read)))

    @cached_property
    def _results_read(self) -> tuple[frozenset[int], ...]:
        return tuple(results_read(step, self.positions) for step in self.steps)

    def _read_after(self, position: int) -> frozenset[int]:
        """The results that may be read to decide the next steps when this one has finished. Any step may follow the pivot."""
        next_steps = range(len(self.steps)) if position == self.pivot else self.successors[position]
        return results_read_behind(self.steps, self._results_read, self.successors, next_steps)

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each step by its name."""
        return {step.name: position for position, step in enumerate(self.steps)}

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
        return tuple(sorted({step.service for step in self.steps if step.service}))

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

    def results_by_name(self, results: Mapping[int, Json]) -> dict[str, Json]:
        """Names decoded results by their steps, as templates read them. A handled rejection becomes a `Rejection`."""
        return {
            self.steps[step].name: result_of(value) if self.steps[step].goes_on else value
            for step, value in results.items()
        }

    def position(self, name: str) -> int:
        """Returns the position of the step with this name. Raises ValueError if there is none."""
        try:
            return self.positions[name]
        except KeyError:
            raise ValueError(f"{self.name} has no step {name}") from None


def graph_from_document(document: Mapping[str, Json]) -> Graph:
    """Rebuilds a graph from its stored form. Raises KeyError, TypeError or ValueError if the form is malformed."""
    if document["format"] not in FORMATS_READ:
        raise ValueError(
            f"definition format {document['format']} is not one of {', '.join(map(str, FORMATS_READ))}: a newer Saga wrote it"
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


def _check_wait(wait: Wait, place: str) -> None:
    if not wait.names or not all(type(name) is str for name in wait.names):
        raise TypeError(f"{place} waits for events without names")
    if wait.otherwise is not None and (type(wait.otherwise) is not dict or wait.otherwise.keys() != {"value"}):
        raise TypeError(f"{place}.otherwise is not an object with a value")


def _check(graph: Graph) -> None:
    """Refuses a faulty stored form here, before any decision relies on it."""
    if not 1 <= len(graph.steps) <= STEPS_MAX or sum(len(step.after) for step in graph.steps) > EDGES_MAX:
        raise ValueError("too few or too many steps")
    check_types(graph, "definition")
    for position, step in enumerate(graph.steps):
        check_types(step, f"step {position}")
        if isinstance(step, Wait):
            _check_wait(step, f"step {position}")
        for predecessor in (*step.after, *step.reads, *(() if step.until is None else (step.until,))):
            if type(predecessor) is not int or not 0 <= predecessor < len(graph.steps):
                raise ValueError(f"step {position} has no predecessor {str(predecessor)[:20]!a}")
