"""The journal port: a service's own record, in its own database, of the steps it has executed (guards G15 to G19, G38, G39)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol
from uuid import UUID


class Mark(Enum):
    """What the journal says of a step."""

    EXECUTED = "X"
    REJECTED = "F"
    TOMBSTONE = "T"
    COMPENSATED = "Z"
    FROZEN = "A"  # executed, and nothing may happen to it any more


@dataclass(frozen=True, slots=True)
class JournalRow:
    """What the journal holds about a step: its mark and, if it executed, its result."""

    mark: Mark
    result: bytes | None
    reason: str | None


class JournalTransaction(Protocol):
    """One transaction in the service's database: effect and journal row together."""

    connection: Any

    async def find(self, saga: UUID, step: int) -> JournalRow | None:
        """The row of a step, locked where it exists."""

    async def write(self, saga: UUID, step: int, row: JournalRow) -> bool:
        """Insert the row; False where somebody else has inserted one meanwhile (then nothing of this transaction may stay)."""

    async def mark(self, saga: UUID, step: int, mark: Mark) -> None:
        """Change the mark of a row that `find` has locked."""

    async def forget(self, saga: UUID, step: int) -> None:
        """Set a row aside that `find` has locked, so that the step can be tried again (G38: only behind the pivot)."""


class Journal(Protocol):
    """A service's database with its journal."""

    async def open(self) -> None:
        """Connect; create the journal's table where it is missing. Raises Unavailable, AccessRefused."""

    def transaction(self) -> AbstractAsyncContextManager[JournalTransaction]:
        """Committed at the end, rolled back on an exception. `Unavailable` at the end: unknown, ask the journal again."""

    async def sagas(self, after: UUID, limit: int) -> list[UUID]:
        """The sagas that have rows, in the order of their ids, from the first one behind `after`."""

    async def purge(self, sagas: list[UUID]) -> int:
        """Forget finished sagas (G19: no delivery or claim of theirs can be alive)."""

    async def close(self) -> None:
        """Give everything back."""
