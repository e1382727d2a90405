"""The schedules port: which sagas are started at which moments, and the outcome of each moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from saga.ports.schedules.rows import Run, RunLine, ScheduleRow
from saga.ports.store import Connection
from saga.ports.values.audit import Audit


class Schedules(Protocol):
    """The schedules of an installation.

    A schedule is changed within `StoreAdapter.transaction`, which begins with `lock`: what is decided is decided about the row as it is,
    and what follows from it (sagas that are started, lines, the audit) is committed with it or not at all.

    Raises:
        Unavailable: by every method.
    """

    async def due(self) -> Sequence[str]:
        """The names of up to 100 schedules that are not paused and whose `next_at` has come, the most overdue first."""

    async def lock(self, name: str, connection: Connection) -> ScheduleRow | None:
        """Locks and reads a schedule. None: there is none of this name, and one that is put now is new."""

    async def put(self, row: ScheduleRow, connection: Connection, audit: Audit | None = None) -> None:
        """Writes a schedule that was locked, or was not there."""

    async def add(self, name: str, runs: Sequence[Run], connection: Connection) -> None:
        """Adds lines about a schedule that is locked."""

    async def remove(self, name: str, connection: Connection, audit: Audit) -> None:
        """Deletes a schedule that is locked, with its lines. Sagas that it has started go on."""

    async def all(self) -> Sequence[ScheduleRow]:
        """All schedules, by name."""

    async def find(self, name: str) -> ScheduleRow:
        """Reads a schedule. Raises NotFound."""

    async def lines(self, name: str, limit: int, before: int | None = None) -> Sequence[RunLine]:
        """The lines of a schedule, newest first. `before`: only those with smaller ids."""
