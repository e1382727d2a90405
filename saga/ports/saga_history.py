"""The recorded history of a saga. Letters and phases are those of the tables; times are in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID


class Transition(NamedTuple):
    """One line of history. `version`: None if the saga's row did not change. `phase` and `vector` are those after it."""

    version: int | None
    phase: str
    vector: str
    kind: str
    step: int | None
    detail: str | None
    process: int | None


@dataclass(frozen=True, slots=True)
class SagaHistory:
    """A saga's row, the steps that have a result, and its transitions.

    The transitions are ordered by version, then by the order of writing; those without a version come last.
    """

    saga: UUID
    definition: int
    version: int
    phase: str
    vector: str
    started_at: float
    results: frozenset[int]
    transitions: Sequence[Transition]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some sagas, by id, all at one moment.

    `documents`: the canonical JSON of their definitions, by number. `kept_since`: older history has been dropped; None: none was.
    """

    histories: Sequence[SagaHistory]
    documents: Mapping[int, bytes]
    kept_since: float | None
