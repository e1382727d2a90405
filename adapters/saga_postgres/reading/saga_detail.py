"""One saga with everything around it, read in one snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from saga.core.definition.graph import graph_from_json
from saga.core.state.operation import Operation
from saga.ports.ledger import unknown_saga
from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX
from saga.ports.saga_detail import HISTORY_LINES_MAX, CommandDetail, HistoryLine, HistoryPlace, SagaDetail, StepRecord
from saga_postgres.connection.pool import Connection
from saga_postgres.rows import state_of
from saga_postgres.statements import statements

_SQL: Final = statements("saga_detail")
_SAGA: Final = _SQL["saga"]
_COMMANDS: Final = _SQL["commands"]
_RESULTS: Final = _SQL["results"]
_HISTORY: Final = _SQL["history"]
SERVING: Final = """
select service, array_agg(name order by name) as names from alive, unnest(services) as service group by service"""
LEADER: Final = """
select holder from leader where name = 'supervisor' and seen_at > clock_timestamp() - make_interval(secs => $1)"""
_STARTED_AT: Final = "select started_at from saga where id = $1"


async def read_case(connection: Connection, place: str, saga: UUID) -> SagaDetail:
    """Raises NotFound."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(_SAGA, saga)
        if row is None:
            raise unknown_saga(saga, place)
        commands = await connection.fetch(_COMMANDS, saga)
        records = await connection.fetch(_RESULTS, saga)
        started_at = await connection.fetchval(_STARTED_AT, saga)
        history = await connection.fetch(_HISTORY, saga, started_at, HISTORY_LINES_MAX)
        serving = await connection.fetch(SERVING)
        leader: str | None = await connection.fetchval(LEADER, LEADER_SILENCE_SECONDS_MAX)
    return SagaDetail(
        saga=saga,
        graph=graph_from_json(row["document"]),
        state=state_of(row),
        now=row["now"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        wake_at=row["wake_at"],
        key=row["key"],
        tags=row["tags"],
        input=row["input"],
        commands={entry["step"]: command_of(entry) for entry in commands},
        records={entry["step"]: _record(entry) for entry in records},
        history=tuple(map(_history_line, history)),
        serving={entry["service"]: tuple(entry["names"]) for entry in serving},
        leader=leader,
    )


async def read_history(
    connection: Connection, place: str, saga: UUID, after: HistoryPlace | None, limit: int
) -> list[HistoryLine]:
    """Raises NotFound."""
    started_at = await connection.fetchval(_STARTED_AT, saga)
    if started_at is None:
        raise unknown_saga(saga, place)
    behind = after or (None, None, None)
    return [
        _history_line(row) for row in await connection.fetch(_SQL["history_behind"], saga, started_at, *behind, limit)
    ]


def command_of(row: Mapping[str, Any]) -> CommandDetail:
    return CommandDetail(
        operation=Operation(row["op"].decode()),
        owner=row["owner"],
        due_at=row["due_at"],
        lease_until=row["lease_until"],
        quiet_at=row["quiet_at"],
        first_failed_at=row["first_failed_at"],
        deliveries=row["deliveries"],
        failures=row["failures"],
        error=row["error"],
        was_claimed=row["was_claimed"],
        until=row["until"],
        awaits=tuple(row["awaits"] or ()),
    )


def _record(row: Mapping[str, Any]) -> StepRecord:
    return StepRecord(row["finished_at"], row["process"], row["attempts"], row["result"])


def _history_line(row: Mapping[str, Any]) -> HistoryLine:
    return HistoryLine(*(row[name] for name in ("at", "kind", "step", "detail", "vector", "process", "version", "n")))
