"""The listing port: which sagas and definitions there are, for people who look for some. Never on the hot path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from saga.core.state.phase import Phase
from saga.ports.saga_detail import SagaDetail
from saga.ports.saga_history import HistoryPage

LINES_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class SagaFilter:
    """Which sagas are wanted; what is None or False does not matter.

    `started_since` is in seconds since the epoch, on the store's clock. `before`: only those that started before this one, for paging.
    """

    phases: frozenset[Phase] | None = None
    definition_name: str | None = None
    stuck: bool = False
    started_since: float | None = None
    limit: int = 50
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class SagaLine:
    """A saga in a list, times in seconds since the epoch.

    `since`: when it last changed; `steps`: where something happens, or should.
    """

    saga: UUID
    definition_name: str
    definition_version: int
    phase: Phase
    is_rollback_requested: bool
    is_paused: bool
    is_stuck: bool
    steps: tuple[str, ...]
    since: float
    deadline: float | None
    reason: str | None
    key: str | None
    started_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many sagas there are: in each phase that has any, and stuck."""

    phases: Mapping[Phase, int]
    stuck: int


@dataclass(frozen=True, slots=True)
class DefinitionLine:
    """A definition in a list. `is_default`: a start by name takes this version. `live`: its sagas that have not ended."""

    number: int
    name: str
    version: int
    hash: bytes
    steps: int
    services: tuple[str, ...]
    is_default: bool
    live: int


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """Commands of one service that are due and that nobody has taken: how many, and how long the oldest has waited."""

    commands: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Survey:
    """The sagas that have not ended, all together, and what is late; definitions by name, all versions as one.

    `scan_lag_seconds`: how long the most overdue saga has been due to be looked after. `deadline_overdue_seconds`: how long ago the oldest
    deadline passed on which nobody has acted, although somebody should. `processes`: the live ones of each service that these sagas
    need, 0 where there is none. `is_cut`: there were more than the limit, so that counts are lower bounds.
    """

    phases: Mapping[tuple[str, Phase], int]
    stuck: Mapping[str, int]
    scan_lag_seconds: float
    deadline_overdue_seconds: float
    queues: Mapping[str, QueueDepth]
    processes: Mapping[str, int]
    is_cut: bool


class Listing(Protocol):
    """Looking over many sagas, and closely at one. What it shows may be a moment old."""

    async def lines(self, wanted: SagaFilter) -> list[SagaLine]:
        """The newest sagas that pass the filter, newest first, at most LINES_MAX."""

    async def counts(self) -> Counts:
        """Count everything; it reads the whole table."""

    async def detail(self, saga: UUID) -> SagaDetail:
        """Everything about one saga. Raises NotFound."""

    async def definitions(self) -> list[DefinitionLine]:
        """All definitions, by name, the newest version first."""

    async def histories(self, first: UUID, limit: int) -> HistoryPage:
        """The sagas with this id or a greater one, in the order of their ids, each with all of its history, as they are at one moment."""

    async def survey(self, limit: int) -> Survey:
        """Look over the `limit` most overdue sagas that have not ended, and as many commands of each service."""
