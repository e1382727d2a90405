"""Reads the sagas that a search looks at. Each statement reads a bounded number of rows, through an index."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX
from saga.ports.values.scan import Among, SagaScan, ScannedSaga, ScanPage
from saga_postgres.connection.pool import Connection
from saga_postgres.reading.saga_detail import LEADER, SERVING, command_of
from saga_postgres.rows import state_of
from saga_postgres.statements import statements, with_includes

CLOCK_SECONDS_MAX: Final = 3600.0
"""Maximum difference between the store's clock and that of a client, from which an id has its time."""
_SQL: Final = statements("scan")
_SOURCES: Final = {
    Among.ALL: _SQL["all"],
    Among.LIVE: _SQL["live"],
    Among.PARKED: _SQL["parked"],
    Among.DELAYED: _SQL["delayed"],
}
WINDOWS: Final = {among: with_includes(_SQL["window"], {"source": source}) for among, source in _SOURCES.items()}
_END_OF_WINDOW: Final = with_includes(_SQL["end_of_window"], {"source": _SOURCES[Among.ALL]})
_SOURCE_PARAMETERS: Final = 6
"""The first parameters of a window are those of its source."""
COUNTS: Final = {
    Among.LIVE: _SQL["count_live"],
    Among.PARKED: _SQL["count_parked"],
    Among.DELAYED: _SQL["count_delayed"],
}
_DEFINITIONS: Final = "select id from definition where split_part(name, '~', 1) = any ($1::text[])"
_NOW: Final = "select extract(epoch from clock_timestamp())::float8"
PLANNED_FOR_ITS_PARAMETERS: Final = "set local plan_cache_mode = force_custom_plan"
"""A filter that is null must not hide an index from the planner: a plan for any parameters would read the whole table."""


async def read_scan(connection: Connection, wanted: SagaScan) -> ScanPage:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(PLANNED_FOR_ITS_PARAMETERS)
        now: float = await connection.fetchval(_NOW)
        if wanted.among is not Among.ALL:
            count = await connection.fetchval(COUNTS[wanted.among], wanted.rows_max + 1)
            if count > wanted.rows_max:
                return ScanPage([], None, now, {}, None, is_too_many=True)
        parameters = await _parameters(connection, wanted)
        rows = await connection.fetch(WINDOWS[wanted.among], *parameters)
        scanned_to = await _scanned_to(connection, wanted, rows, parameters[:_SOURCE_PARAMETERS])
        commands = await _commands(connection, rows) if wanted.with_commands else {}
        serving = await connection.fetch(SERVING)
        leader: str | None = await connection.fetchval(LEADER, LEADER_SILENCE_SECONDS_MAX)
    return ScanPage(
        sagas=[_scanned(row, commands.get(row["id"], {})) for row in rows],
        scanned_to=scanned_to,
        now=now,
        serving={row["service"]: tuple(row["names"]) for row in serving},
        leader=leader,
    )


async def _parameters(connection: Connection, wanted: SagaScan) -> list[object]:
    ids, definitions = wanted.ids, None
    if wanted.keys is not None:
        names = None if wanted.definitions is None else list(wanted.definitions)
        keyed = frozenset(row["saga"] for row in await connection.fetch(_SQL["keyed"], list(wanted.keys), names))
        ids = keyed if ids is None else ids & keyed
    if wanted.definitions is not None:
        definitions = [row["id"] for row in await connection.fetch(_DEFINITIONS, list(wanted.definitions))]
    return [
        wanted.before,
        wanted.rows_max,
        None if ids is None else list(ids),
        wanted.started_from,
        wanted.started_until,
        CLOCK_SECONDS_MAX,
        wanted.limit,
        None if wanted.phases is None else [phase.value.encode() for phase in wanted.phases],
        definitions,
        wanted.is_stuck,
        json.dumps(dict(wanted.tags)) if wanted.tags else None,
        wanted.reason,
        wanted.with_keys,
    ]


async def _scanned_to(
    connection: Connection, wanted: SagaScan, rows: list[Any], source_parameters: Sequence[object]
) -> UUID | None:
    """The id at which this window ended; None if it had everything that was left."""
    if len(rows) >= wanted.limit:
        last: UUID = rows[-1]["id"]
        return last
    if wanted.among is not Among.ALL or wanted.ids is not None or wanted.keys is not None:
        return None
    end: UUID | None = await connection.fetchval(_END_OF_WINDOW, *source_parameters)
    return end


async def _commands(connection: Connection, rows: list[Any]) -> dict[UUID, dict[int, Any]]:
    live = [row["id"] for row in rows if row["ended_at"] is None]
    found: dict[UUID, dict[int, Any]] = {}
    for row in await connection.fetch(_SQL["commands"], live) if live else ():
        found.setdefault(row["saga"], {})[row["step"]] = command_of(row)
    return found


def _scanned(row: Mapping[str, Any], commands: Mapping[int, Any]) -> ScannedSaga:
    return ScannedSaga(
        saga=row["id"],
        definition=row["definition"],
        state=state_of(row),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        wake_at=row["wake_at"],
        tags=row["tags"],
        key=row["key"],
        commands=commands,
    )
