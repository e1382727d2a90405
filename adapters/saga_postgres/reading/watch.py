"""Watched sagas: whether they have changed, and what they are now. One statement each, for all of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX
from saga.ports.saga_detail import HistoryLine, SagaDetail, StepRecord
from saga.ports.values.watch import Mark, Watched
from saga_postgres.connection.pool import Connection
from saga_postgres.reading.saga_detail import command_of
from saga_postgres.rows import state_of
from saga_postgres.statements import statements

_SQL = statements("watch")
Graphs = Callable[[int], Awaitable[Graph]]


async def read_marks(connection: Connection, sagas: Sequence[UUID]) -> dict[UUID, Mark]:
    rows = await connection.fetch(_SQL["marks"], list(sagas))
    return {row["id"]: Mark(row["version"], row["activity"], row["claims"]) for row in rows}


async def read_moments(connection: Connection, watched: Sequence[Watched], graphs: Graphs) -> list[SagaDetail]:
    columns = ([one.saga for one in watched], [one.version for one in watched], [one.since for one in watched])
    rows = await connection.fetch(_SQL["moments"], *columns, LEADER_SILENCE_SECONDS_MAX)
    return [_moment(row, await graphs(row["definition"])) for row in rows]


def _moment(row: Mapping[str, Any], graph: Graph) -> SagaDetail:
    parts = {name: json.loads(row[name]) if row[name] else [] for name in ("commands", "records", "history", "serving")}
    return SagaDetail(
        saga=row["id"],
        graph=graph,
        state=state_of(row),
        now=row["now"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        wake_at=row["wake_at"],
        key=row["key"],
        tags=row["tags"],
        input=b"",
        commands={one["step"]: command_of(one | {"op": one["op"].encode()}) for one in parts["commands"]},
        records={step: StepRecord(at, process, attempts, None) for step, at, process, attempts in parts["records"]},
        history=tuple(HistoryLine(*line) for line in parts["history"]),
        serving={service: tuple(names) for service, names in dict(parts["serving"]).items()},
        leader=row["leader"],
    )
