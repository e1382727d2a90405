"""The ledger port: reads single sagas, and records what operators did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from saga.core.definition.json_value import Json
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
    """Reads single sagas, and records what operators did. Only `statuses` is on the hot path.

    Raises:
        Unavailable: by every method; of `audit`, the outcome is unknown.
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

    async def audit(
        self, actor: str, action: str, saga: UUID, step: int | None, reason: str | None, detail: dict[str, Json]
    ) -> None:
        """Records what an operator did."""
