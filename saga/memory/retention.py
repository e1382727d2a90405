"""Retention in memory."""

from __future__ import annotations

from itertools import islice
from typing import Final

from saga.memory.data.database import Database

DAY_SECONDS: Final = 86_400.0


class MemoryRetention:
    """See `saga.ports.retention.Retention`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge(self, older_than_seconds: float, limit: int) -> int:
        database = self._database
        before = database.now() - older_than_seconds
        old = (row for row in database.sagas.values() if row.ended_at is not None and row.ended_at < before)
        purged = list(islice(old, limit))
        for row in purged:
            del database.sagas[row.id]
            if row.key is not None:
                del database.start_keys[row.key]
        database.commands.remove_sagas(row.id for row in purged)
        database.inbox.remove_sagas(row.id for row in purged)
        return len(purged)

    async def prepare_history(self) -> None:
        """Does nothing: the history in memory has no partitions."""

    async def keep_history(self, days: float) -> None:
        history, before = self._database.history, self._database.now() - days * DAY_SECONDS
        while history and history[0].at < before:
            history.popleft()
            self._database.history_since = before
