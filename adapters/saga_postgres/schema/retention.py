"""Retention on Postgres: deletes finished sagas in batches and drops history by days."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from saga_postgres.connection.pool import Pool

BATCH_SAGAS_MAX: Final = 500
"""Sagas visited in one transaction."""
BATCHES_MAX: Final = 40
"""Batches of one call, which otherwise would have no end where sagas run for months."""
HISTORY_DAYS_AHEAD: Final = 2
_BEGINNING: Final = UUID(int=0)
_PURGE: Final = "select last, visited, purged from purge_batch($1, $2, $3)"


class PostgresRetention:
    """See `saga.ports.retention.Retention`.

    Ids grow with time, so it visits sagas in the order of the primary key. A call continues where the last one stopped, and starts again at
    the beginning once it has reached sagas that are too young.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._after = _BEGINNING

    async def purge(self, older_than_seconds: float, limit: int) -> int:
        count = 0
        for _ in range(BATCHES_MAX):
            batch = min(limit - count, BATCH_SAGAS_MAX)
            if batch <= 0:
                break
            async with self._pool.connection() as connection:
                last, visited, purged = await connection.fetchrow(_PURGE, self._after, older_than_seconds, batch)
            count += purged
            if visited < batch:
                self._after = _BEGINNING
                break
            self._after = last
        return count

    async def keep_history(self, days: float) -> None:
        async with self._pool.connection() as connection:
            await connection.execute("select ensure_event_days($1)", HISTORY_DAYS_AHEAD)
        async with self._pool.connection() as connection:
            await connection.execute("select drop_event_days($1)", days)
