"""Retention on Postgres: deletes finished sagas in batches, and makes and drops the days of the history. Each step is a transaction."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from saga.errors import SagaError
from saga_postgres.connection.pool import Pool

BATCH_SAGAS_MAX: Final = 500
"""Sagas deleted in one transaction."""
WALK_SAGAS_MAX: Final = 10_000
"""Sagas that one transaction looks at. To look at one costs far less than to delete one."""
HISTORY_DAYS_AHEAD: Final = 7
"""Days that are made in advance: while a program reads the history (pg_dump), no new day can be made."""
_BEGINNING: Final = UUID(int=0)
_PURGE: Final = "select last, purged from purge_walk($1, $2, $3, $4)"
_BATCH: Final = (
    "select id from saga where id > $1 and ended_at < now() - make_interval(secs => $2) order by id limit $3"
)
_MAKE_DAYS: Final = "select ensure_event_days($1)"
_DROP_DAY: Final = "select drop_event_days($1)"
_PURGE_DEFAULT: Final = "select next from purge_event_default($1, $2)"


class PostgresRetention:
    """See `saga.ports.retention.Retention`.

    Ids grow with time, so it visits sagas in the order of the primary key. A call goes on where the last one stopped, to the
    first saga that is too young, however many sagas that still run are in between; the call after that begins again.
    It waits at most 0.2 s for a program that reads the history.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._after = _BEGINNING

    async def purge(self, older_than_seconds: float, limit: int) -> int:
        count, is_through = 0, False
        while count < limit and not is_through:
            last, purged = await self._purge(older_than_seconds, min(limit - count, BATCH_SAGAS_MAX))
            count += purged
            is_through, self._after = last is None, last or _BEGINNING
        return count

    async def _purge(self, older_than_seconds: float, batch: int) -> tuple[UUID | None, int]:
        """Purges one batch. The next call goes on behind one that fails: other sagas must not wait for it."""
        try:
            (row,) = await self._pool.fetch_slowly(_PURGE, self._after, older_than_seconds, WALK_SAGAS_MAX, batch)
        except SagaError:
            failed = await self._pool.fetch_slowly(_BATCH, self._after, older_than_seconds, batch)
            self._after = failed[-1][0] if failed else _BEGINNING
            raise
        return row[0], row[1]

    async def prepare_history(self) -> None:
        for days_ahead in (0, HISTORY_DAYS_AHEAD):  # today for itself: writers wait for that one
            await self._pool.fetch_slowly(_MAKE_DAYS, days_ahead)

    async def keep_history(self, days: float) -> None:
        await self.prepare_history()
        page: int | None = 0
        while page is not None:
            ((page,),) = await self._pool.fetch_slowly(_PURGE_DEFAULT, days, page)
        while (await self._pool.fetch_slowly(_DROP_DAY, days))[0][0]:
            pass
