"""The retention port: deleting finished sagas and old history."""

from __future__ import annotations

from typing import Protocol


class Retention(Protocol):
    """Housekeeping, by the leader."""

    async def purge(self, older_than_seconds: float, limit: int) -> int:
        """Delete finished sagas that ended longer ago, with their steps and keys; returns how many."""

    async def keep_history(self, days: float) -> None:
        """Make the history's partitions for the days ahead, and drop those that are older than `days`."""
