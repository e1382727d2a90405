"""The journal port: a service's own record, in its own database, of the steps it has executed (guards G15 to G19, G38, G39)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol
from uuid import UUID


class Mark(Enum):
    """The state of a step in the journal."""

    EXECUTED = "X"
    REJECTED = "F"
    TOMBSTONE = "T"
    COMPENSATED = "Z"
    FROZEN = "A"  # executed, and not to be changed any more


@dataclass(frozen=True, slots=True)
class JournalRow:
    """The row of a step: its mark and, if it executed, its result."""

    mark: Mark
    result: bytes | None
    reason: str | None


class JournalTransaction(Protocol):
    """One transaction in the service's database, with the effect and the journal row of a step.

    Raises:
        Unavailable: by every method; nothing of the transaction was committed.
    """

    connection: Any

    async def find(self, saga: UUID, step: int) -> JournalRow | None:
        """Returns the row of a step, and locks it; None if there is none."""

    async def write(self, saga: UUID, step: int, row: JournalRow) -> bool:
        """Inserts the row. Returns False if another transaction has inserted one: then this transaction must be rolled back."""

    async def mark(self, saga: UUID, step: int, mark: Mark) -> None:
        """Changes the mark of a row that `find` has locked."""

    async def forget(self, saga: UUID, step: int) -> None:
        """Removes a row that `find` has locked, so that the step can be retried (G38: only after the pivot)."""


class Journal(Protocol):
    """The journal in the database of a service.

    Idempotence: a step has at most one row. Cancellation: a cancelled transaction is rolled back, unless it was being committed;
    then its outcome is unknown.

    Raises:
        Unavailable: by every method.
    """

    async def open(self) -> None:
        """Connects, and creates the journal's table if it is missing.

        Raises:
            AccessRefused: the server refuses the user, or the user may not create the table.
            Unavailable: the server cannot be reached.
        """

    def transaction(self) -> AbstractAsyncContextManager[JournalTransaction]:
        """A transaction that commits at the end of the block and rolls back on an exception.

        Raises:
            Unavailable: at the end of the block, the outcome is unknown: read the journal again.
        """

    async def sagas(self, after: UUID, limit: int) -> list[UUID]:
        """Returns up to `limit` sagas that have rows, in the order of their ids, after the id `after`."""

    async def purge(self, sagas: list[UUID]) -> int:
        """Deletes the rows of finished sagas (G19: none of their deliveries or claims can be alive). Returns the number of rows."""

    async def close(self) -> None:
        """Closes all connections. Calling it twice is harmless."""
