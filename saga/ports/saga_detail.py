"""Everything about one saga, for operators. All of it is of one moment; times are in seconds since the epoch, on the store's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.state.operation import Operation
from saga.core.state.saga_state import State

HISTORY_LINES_MAX = 5_000


@dataclass(frozen=True, slots=True)
class CommandDetail:
    """A command under way. `was_claimed`: whether a process has ever claimed it (G135).

    `owner`: the process that runs it; None if it is queued. `due_at`: None if it is parked. `quiet_at`: until then a call of it
    may still arrive. `until`: the moment for which a wait, a timer or a pending step is parked; `awaits`: the events that wake it.
    """

    operation: Operation
    owner: str | None
    due_at: float | None
    lease_until: float | None
    quiet_at: float | None
    first_failed_at: float | None
    deliveries: int
    failures: int
    error: str | None
    was_claimed: bool = True
    until: float | None = None
    awaits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRecord:
    """The record of a step that succeeded."""

    finished_at: float
    process: str | None
    attempts: int
    result: bytes | None


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A line of history. `step`: None if it is about the whole saga. `vector`: None if the line says all that has changed.

    `version`: the version of the saga's row that this transition made; None if the row did not change. `n`: the order of the lines of
    one transition.
    """

    at: float
    kind: str
    step: int | None
    detail: str | None
    vector: str | None
    process: str | None
    version: int | None = None
    n: int = 0


class HistoryPlace(NamedTuple):
    """A place in the history of a saga, in the order in which people read it. `version`: VERSION_NONE if the line does not have one."""

    at: float
    version: int
    n: int


VERSION_NONE: Final = 2**31 - 1


def place_of(line: HistoryLine) -> HistoryPlace:
    """The place of a line in the history of its saga."""
    return HistoryPlace(line.at, VERSION_NONE if line.version is None else line.version, line.n)


@dataclass(frozen=True, slots=True)
class SagaDetail:
    """One saga at the moment `now`.

    `commands` and `records` are by step. `serving`: the live processes of each service that has any. `leader`: the supervisor
    that leads, if one is alive.
    """

    saga: UUID
    graph: Graph
    state: State
    now: float
    started_at: float
    ended_at: float | None
    wake_at: float | None
    key: str | None
    tags: str | None
    input: bytes
    commands: Mapping[int, CommandDetail]
    records: Mapping[int, StepRecord]
    history: tuple[HistoryLine, ...]
    serving: Mapping[str, tuple[str, ...]]
    leader: str | None

    @property
    def unclaimed(self) -> frozenset[int]:
        """The steps whose command no process has ever claimed: its row says so, or it is on its way and has no row."""
        commands = self.commands
        return frozenset(s for s in range(len(self.state.vector)) if s not in commands or not commands[s].was_claimed)
