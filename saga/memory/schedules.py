"""The schedules in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from saga.memory.data.database import Database
from saga.memory.data.session import Session
from saga.memory.data.transaction import Transaction
from saga.ports.schedules.rows import DUE_MAX, RUNS_KEPT, Run, RunLine, ScheduleRow, unknown_schedule
from saga.ports.values.audit import Audit


class MemorySchedules:
    """See `saga.ports.schedules.Schedules`."""

    def __init__(self, database: Database, session: Session) -> None:
        self._database = database
        self._session = session

    async def due(self) -> Sequence[str]:
        await self._session.enter()
        now = self._database.epoch + self._database.now()
        rows = self._database.schedules.values()
        due = [
            (row.next_at, row.name)
            for row in rows
            if row.next_at is not None and row.next_at <= now and not row.is_paused
        ]
        return [name for _, name in sorted(due)[:DUE_MAX]]

    async def lock(self, name: str, connection: Transaction) -> ScheduleRow | None:
        await self._session.enter()
        await connection.lock(("schedule", name))
        return self._database.schedules.get(name)

    async def put(self, row: ScheduleRow, connection: Transaction, audit: Audit | None = None) -> None:
        await self._session.enter()
        connection.then(partial(self._database.schedules.__setitem__, row.name, row))
        self._record(connection, audit)

    async def add(self, name: str, runs: Sequence[Run], connection: Transaction) -> None:
        await self._session.enter()
        connection.then(partial(self._add, name, runs))

    async def remove(self, name: str, connection: Transaction, audit: Audit) -> None:
        await self._session.enter()
        connection.then(partial(self._remove, name))
        self._record(connection, audit)

    async def all(self) -> Sequence[ScheduleRow]:
        await self._session.enter()
        return sorted(self._database.schedules.values(), key=lambda row: row.name)

    async def find(self, name: str) -> ScheduleRow:
        await self._session.enter()
        row = self._database.schedules.get(name)
        if row is None:
            raise unknown_schedule(name)
        return row

    async def lines(self, name: str, limit: int, before: int | None = None) -> Sequence[RunLine]:
        await self._session.enter()
        lines = self._database.schedule_lines.get(name, [])
        return [line for line in reversed(lines) if before is None or line.id < before][:limit]

    def _add(self, name: str, runs: Sequence[Run]) -> None:
        database = self._database
        lines = database.schedule_lines.setdefault(name, [])
        for run in runs:
            database.schedule_line_id += 1
            lines.append(RunLine(database.schedule_line_id, database.epoch + database.now(), run))
        del lines[:-RUNS_KEPT]

    def _remove(self, name: str) -> None:
        self._database.schedules.pop(name, None)
        self._database.schedule_lines.pop(name, None)

    def _record(self, connection: Transaction, audit: Audit | None) -> None:
        if audit is not None:
            self._database.check_request(audit)
            connection.then(partial(self._database.add_audit, None, audit))
