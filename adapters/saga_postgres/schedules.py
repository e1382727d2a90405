"""The schedules on Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from saga.core.schedule.moment import read_moment
from saga.core.schedule.spec import ScheduleSpec
from saga.ports.schedules.rows import DUE_MAX, RUNS_KEPT, Cause, Run, RunLine, ScheduleRow, unknown_schedule
from saga.ports.values.audit import Audit
from saga_postgres.audit import record
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import LOCK_SECONDS_MAX, Connection, Pool
from saga_postgres.connection.session import search_path
from saga_postgres.statements import statements

_SQL: Final = statements("schedules")


class PostgresSchedules:
    """See `saga.ports.schedules.schedules.Schedules`.

    `StoreAdapter.transaction` has the settings of the role. `lock`, with which each transaction begins, replaces those on which the
    statements here depend, until the transaction ends.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._enter = (
            f"set local search_path to {search_path(pool.namespace)}; "
            f"set local lock_timeout to {LOCK_SECONDS_MAX * 1_000:.0f}"
        )

    async def due(self) -> Sequence[str]:
        return [name for (name,) in await self._pool.fetch(_SQL["due"], DUE_MAX)]

    async def lock(self, name: str, connection: Connection) -> ScheduleRow | None:
        with translated(self._pool.place):
            await connection.execute(self._enter)
            row = await connection.fetchrow(_SQL["lock"], name)
        return None if row is None else _row(row)

    async def put(self, row: ScheduleRow, connection: Connection, audit: Audit | None = None) -> None:
        last = None if row.last is None else row.last.text
        spec = msgspec.json.encode(row.spec).decode()
        with translated(self._pool.place):
            await connection.execute(_SQL["put"], row.name, spec, row.since, row.is_paused, last, row.saga, row.next_at)
            if audit is not None:
                await record(connection, None, audit)

    async def add(self, name: str, runs: Sequence[Run], connection: Connection) -> None:
        columns = [
            [run.moment.text for run in runs],
            [run.cause.value for run in runs],
            [run.saga for run in runs],
            [None if run.last is None else run.last.text for run in runs],
            [run.count for run in runs],
            [run.why for run in runs],
        ]
        with translated(self._pool.place):
            await connection.execute(_SQL["add"], name, *columns)
            await connection.execute(_SQL["trim"], name, RUNS_KEPT)

    async def remove(self, name: str, connection: Connection, audit: Audit) -> None:
        with translated(self._pool.place):
            await connection.execute(_SQL["remove"], name)
            await record(connection, None, audit)

    async def all(self) -> Sequence[ScheduleRow]:
        return [_row(row) for row in await self._pool.read(_SQL["all"], None)]

    async def find(self, name: str) -> ScheduleRow:
        rows = await self._pool.read(_SQL["all"], name)
        if not rows:
            raise unknown_schedule(name)
        return _row(rows[0])

    async def lines(self, name: str, limit: int, before: int | None = None) -> Sequence[RunLine]:
        return [_line(row) for row in await self._pool.read(_SQL["lines"], name, limit, before)]


def _row(row: Mapping[str, Any]) -> ScheduleRow:
    return ScheduleRow(
        name=row["name"],
        spec=msgspec.json.decode(row["spec"], type=ScheduleSpec),
        since=row["since"],
        is_paused=row["is_paused"],
        last=None if row["last_moment"] is None else read_moment(row["last_moment"]),
        saga=row["last_saga"],
        next_at=row["next_at"],
    )


def _line(row: Mapping[str, Any]) -> RunLine:
    last = None if row["last_moment"] is None else read_moment(row["last_moment"])
    run = Run(read_moment(row["moment"]), Cause(row["cause"]), row["saga"], last, row["count"], row["why"])
    return RunLine(row["id"], row["at"], run)
