"""The listing port: finds sagas and definitions for operators and metrics. Never on the hot path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.state.phase import Phase
from saga.ports.saga_detail import HistoryLine, HistoryPlace, SagaDetail
from saga.ports.saga_history import HistoryPage
from saga.ports.values.fleet import Fleet
from saga.ports.values.scan import SagaScan, ScanPage
from saga.ports.values.watch import Mark, Watched

LINES_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class SagaFilter:
    """A filter of sagas; a field that is None or False does not filter.

    `started_since`: seconds since the epoch, on the store's clock. `before`: only sagas that started before this one, for paging.
    `tags`: only sagas that have all of these tags, with these values. `ids`: only these sagas.
    """

    phases: frozenset[Phase] | None = None
    definition_name: str | None = None
    stuck: bool = False
    started_since: float | None = None
    limit: int = 50
    before: UUID | None = None
    tags: Mapping[str, str] | None = None
    ids: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class SagaLine:
    """A saga in a list. Times are in seconds since the epoch.

    `since`: when it last changed. `steps`: the steps that are under way.
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
    """The number of sagas in each phase that has any, and of stuck sagas."""

    phases: Mapping[Phase, int]
    stuck: int


@dataclass(frozen=True, slots=True)
class DefinitionLine:
    """A definition in a list. `is_default`: a start by name uses this version. `live`: number of its sagas that have not ended."""

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
    """The queue of one service: number of commands that are due and not claimed, and how long the oldest has waited."""

    commands: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Survey:
    """A summary of the sagas that have not ended, by the name of their definition, and of what is late.

    `scan_lag_seconds`: how long the most overdue saga has waited to be redriven. `deadline_overdue_seconds`: how long ago the
    oldest deadline passed that should have been enforced and was not. `processes`: number of live processes of each service that
    these sagas need. `waiting`: the number of parked commands that each event would wake. `is_cut`: there were more sagas than the
    limit, so the counts are lower bounds.
    """

    phases: Mapping[tuple[str, Phase], int]
    stuck: Mapping[str, int]
    scan_lag_seconds: float
    deadline_overdue_seconds: float
    queues: Mapping[str, QueueDepth]
    processes: Mapping[str, int]
    waiting: Mapping[str, int]
    is_cut: bool


class Listing(Protocol):
    """Reads many sagas, or everything about one. The answers may be a moment old.

    Raises:
        Unavailable: by every method; nothing was changed.
    """

    async def lines(self, wanted: SagaFilter) -> list[SagaLine]:
        """Returns the newest sagas that pass the filter, newest first, at most LINES_MAX."""

    async def scan(self, wanted: SagaScan) -> ScanPage:
        """Reads a bounded number of sagas for a search, newest first."""

    async def marks(self, sagas: Sequence[UUID]) -> dict[UUID, Mark]:
        """Returns the marks of sagas, in one statement. Those that do not exist are left out."""

    async def moments(self, watched: Sequence[Watched], graphs: Callable[[int], Awaitable[Graph]]) -> list[SagaDetail]:
        """Reads watched sagas, in one statement: without payloads, and of the history only the lines that are asked for.

        `graphs` loads the graph of a definition by its number.
        """

    async def fleet(self) -> Fleet:
        """Returns the live processes, and the leader."""

    async def history(self, saga: UUID, after: HistoryPlace | None, limit: int) -> list[HistoryLine]:
        """Returns the history of a saga behind a place, oldest first, at most `limit` lines.

        Raises:
            NotFound: there is no such saga, or it was purged.
        """

    async def counts(self) -> Counts:
        """Counts all sagas. It reads the whole table."""

    async def detail(self, saga: UUID) -> SagaDetail:
        """Reads everything about one saga.

        Raises:
            NotFound: there is no such saga, or it was purged.
        """

    async def definitions(self) -> list[DefinitionLine]:
        """Returns all definitions, by name, the newest version first."""

    async def histories(self, first: UUID, limit: int) -> HistoryPage:
        """Returns the sagas from the id `first` on, in the order of their ids, each with its whole history, all at one moment.

        Sagas whose definition has conditions or handled steps have `facts`, see `saga.ports.saga_history.steps_to_read`.
        """

    async def survey(self, limit: int) -> Survey:
        """Summarises the `limit` most overdue sagas that have not ended, and as many commands of each service."""
