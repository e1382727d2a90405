"""The retention port: deletes finished sagas and old history."""

from __future__ import annotations

from typing import Protocol


class Retention(Protocol):
    """Housekeeping, done by the leader. Every method may be repeated. None holds up a process that works on sagas.

    Raises:
        Unavailable: by every method; some of the work may have been done.
    """

    async def purge(self, older_than_seconds: float, limit: int) -> int:
        """Deletes up to `limit` sagas that ended longer ago, with their steps and keys. Returns the number of sagas.

        Fewer than `limit`: all of them have been looked at since the last such call, whatever stands before them. A saga that is locked is
        passed over, and looked at again afterwards.
        """

    async def prepare_history(self) -> None:
        """Creates the partitions of the history for the coming days.

        The leader calls it, or every process while none leads.
        """

    async def keep_history(self, days: float) -> None:
        """Prepares the history, and deletes what of it is older than `days`, partition by partition."""
