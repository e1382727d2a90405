"""The ledger port: reads single sagas, and the audit of what operators did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from saga.errors import NotFound
from saga.ports.values.audit import Audit, AuditFilter, AuditLine
from saga.ports.values.notification import SagaStatus
from saga.ports.values.overdue import OverdueSaga


class Snapshot(OverdueSaga, frozen=True, kw_only=True):
    """A saga as decisions need it (see `OverdueSaga`), with what was recorded about it. People read a `SagaDetail`."""

    definition_name: str
    definition_version: int
    started_at: float
    ended_at: float | None
    input: bytes
    results: dict[int, bytes]


class Ledger(Protocol):
    """Reads single sagas, and the audit of what operators did. Only `statuses` is on the hot path.

    Raises:
        Unavailable: by every method; of `record`, the outcome is unknown.
    """

    async def statuses(self, sagas: Sequence[UUID]) -> dict[UUID, SagaStatus]:
        """Reads the status of sagas. Those that do not exist are left out."""

    async def snapshot(self, saga: UUID) -> Snapshot:
        """Reads one saga.

        Raises:
            NotFound: there is no such saga, or it was purged.
        """

    async def find_key(self, definition_name: str, key: str) -> UUID | None:
        """Returns the saga that was started with this key; None if there is none."""

    async def record(self, saga: UUID | None, audit: Audit) -> None:
        """Records an action that has changed no saga. One that changes a saga is recorded with the change: `Write.audits`.

        `saga`: None if it is not about one.

        Raises:
            AlreadyExists: its request is in the audit.
        """

    async def audits(self, wanted: AuditFilter) -> list[AuditLine]:
        """Reads lines of the audit, newest first, at most `AUDIT_LINES_MAX`."""


def unknown_saga(saga: UUID, place: str = "the store") -> NotFound:
    """The error for an id that belongs to no saga. `place`: the store as messages name it."""
    return NotFound(f"{place} has no saga {saga}: the id is wrong, or it ended and was purged")
