"""Counts over all sagas that have not ended: bounded, through indexes only, and never on the hot path."""

from __future__ import annotations

from typing import Final

from saga.core.state.phase import Phase
from saga.ports.listing import QueueDepth, Survey
from saga_postgres.connection.pool import Connection
from saga_postgres.statements import statements

_SQL: Final = statements("survey")
_SAGAS: Final = _SQL["sagas"]
_QUEUES: Final = _SQL["queues"]
_PROCESSES: Final = _SQL["processes"]
_WAITING: Final = _SQL["waiting"]


async def read_survey(connection: Connection, limit: int) -> Survey:
    """Counts of nearly the same moment."""
    sagas = await connection.fetch(_SAGAS, limit)
    queues = await connection.fetch(_QUEUES, limit)
    numbers = sorted({number for row in sagas for number in row["numbers"]})
    processes = await connection.fetch(_PROCESSES, numbers)
    waiting = await connection.fetch(_WAITING, limit)
    stuck: dict[str, int] = {}
    for row in sagas:
        stuck[row["definition"]] = stuck.get(row["definition"], 0) + row["stuck"]
    return Survey(
        phases={(row["definition"], Phase(row["phase"].decode())): row["sagas"] for row in sagas},
        stuck=stuck,
        scan_lag_seconds=max([0.0, *(row["scan_lag"] for row in sagas)]),
        deadline_overdue_seconds=max([0.0, *(row["overdue"] for row in sagas)]),
        queues={row["service"]: QueueDepth(row["commands"], row["oldest"]) for row in queues},
        processes={row["service"]: row["processes"] for row in processes},
        waiting={row["name"]: row["commands"] for row in waiting},
        is_cut=sum(row["sagas"] for row in sagas) >= limit
        or any(row["commands"] >= limit for row in queues)
        or sum(row["commands"] for row in waiting) >= limit,
    )
