"""The live processes and the leader."""

from __future__ import annotations

from typing import Final

from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX
from saga.ports.values.fleet import Fleet, LeaderLine, ProcessLine
from saga_postgres.connection.pool import Connection
from saga_postgres.statements import statements

_SQL: Final = statements("fleet")


async def read_fleet(connection: Connection) -> Fleet:
    rows = await connection.fetch(_SQL["processes"])
    leader = await connection.fetchrow(_SQL["leader"], LEADER_SILENCE_SECONDS_MAX)
    now: float = await connection.fetchval(_SQL["now"])
    processes = [
        ProcessLine(row["id"], row["name"], tuple(row["services"]), row["capacity"], row["in_flight"], row["seen_at"])
        for row in rows
    ]
    return Fleet(processes, None if leader is None else LeaderLine(*leader), now)
