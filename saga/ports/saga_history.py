"""The recorded history of a saga. Letters and phases are those of the tables; times are in seconds since the epoch.

A line has the vector after its transition, which in a saga of many steps is by far the longest part of it. So there the success of a step
is recorded without: the line itself and the graph say what has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from saga.core.condition.facts import Facts
from saga.core.definition.graph import Graph

LETTERS_IN_EACH_LINE_MAX: Final = 64
"""A saga of more steps has the vector not in each line of its history. The functions of the store's SQL have the same number."""
VECTOR_EVERY_VERSIONS: Final = 64
"""Even there, the success of a step has the vector in every transition whose version is a multiple of this."""
SUCCESS: Final = "succeeded"  # the kind of these lines, as the store keeps it


def is_vector_kept(kind: str, vector: str, version: int | None) -> bool:
    """Returns whether a line of history has the vector after its transition."""
    is_needed = kind != SUCCESS or version is None or version % VECTOR_EVERY_VERSIONS == 0
    return is_needed or len(vector) <= LETTERS_IN_EACH_LINE_MAX


class Transition(NamedTuple):
    """One line of history. `version`: None if the saga's row did not change. `phase` and `vector` are those after it.

    `vector`: None if the line says all that has changed, see `is_vector_kept`.
    """

    version: int | None
    phase: str
    vector: str | None
    kind: str
    step: int | None
    detail: str | None
    process: int | None


def steps_to_read(graph: Graph) -> tuple[int, ...] | None:
    """Returns the steps whose results a checker needs: conditions read them, or they are reasons. None: neither these nor the input."""
    reasons = {position for position, step in enumerate(graph.steps) if step.goes_on}
    return None if graph.is_static and not reasons else tuple(sorted({*graph.read_by_conditions, *reasons}))


@dataclass(frozen=True, slots=True)
class SagaHistory:
    """A saga's row, the steps that have a result, and its transitions.

    The transitions are ordered by version, then by the order of writing; those without a version come last. `facts`: the input and the
    results of `steps_to_read`; None: no rule needs them.
    """

    saga: UUID
    definition: int
    version: int
    phase: str
    vector: str
    started_at: float
    results: frozenset[int]
    transitions: Sequence[Transition]
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some sagas, by id, all at one moment.

    `documents`: the canonical JSON of their definitions, by number. `kept_since`: older history has been dropped; None: none was.
    """

    histories: Sequence[SagaHistory]
    documents: Mapping[int, bytes]
    kept_since: float | None
