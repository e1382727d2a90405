"""A search among sagas: what the store filters by itself, and what it returns of each saga for the rest of the query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.saga_detail import CommandDetail


class Among(Enum):
    """The sagas that a scan reads. All of these except ALL are indexed, and contain only sagas that have not ended.

    LIVE: not ended. PARKED: a command of it waits for an operator or for the end of a pause. DELAYED: a command that has failed
    waits for its next attempt.
    """

    ALL = "all"
    LIVE = "live"
    PARKED = "parked"
    DELAYED = "delayed"


@dataclass(frozen=True, slots=True)
class SagaScan:
    """A part of a search. A field that is None or False does not filter.

    `before`: only ids below this one. `rows_max`: how many sagas are read at most, of which `limit` are returned. Times are in
    seconds since the epoch on the store's clock, `started_from` inclusive and `started_until` exclusive. `reason`: a part of the
    saga's reason, in any case. `with_commands`, `with_keys`: also return these; without, they are empty.
    """

    among: Among = Among.ALL
    rows_max: int = 1_000
    limit: int = 50
    before: UUID | None = None
    ids: frozenset[UUID] | None = None
    keys: frozenset[str] | None = None
    phases: frozenset[Phase] | None = None
    definitions: frozenset[str] | None = None
    is_stuck: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    started_from: float | None = None
    started_until: float | None = None
    reason: str | None = None
    with_commands: bool = False
    with_keys: bool = False


class ScannedSaga(NamedTuple):
    """A saga as a search sees it. `definition`: the number of its definition. `tags`: JSON."""

    saga: UUID
    definition: int
    state: State
    started_at: float
    ended_at: float | None
    wake_at: float | None
    tags: str | None
    key: str | None
    commands: Mapping[int, CommandDetail]


class ScanPage(NamedTuple):
    """The sagas that pass, newest first, at the moment `now`.

    `scanned_to`: the search goes on before this id; None: nothing is left. `is_too_many`: there are more than `rows_max` among
    which to look, so nothing was read: scan ALL instead. `serving`, `leader`: as in `SagaDetail`.
    """

    sagas: list[ScannedSaga]
    scanned_to: UUID | None
    now: float
    serving: Mapping[str, tuple[str, ...]]
    leader: str | None
    is_too_many: bool = False
