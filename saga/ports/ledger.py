"""The ledger port: reading single sagas and recording what operators did."""

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
    """Reading sagas, and acting on them; only `statuses` is on the hot path."""

    async def statuses(self, sagas: Sequence[UUID]) -> dict[UUID, SagaStatus]:
        """How far these sagas are; those that are not there are left out."""

    async def snapshot(self, saga: UUID) -> Snapshot:
        """Raises NotFound."""

    async def find_key(self, definition_name: str, key: str) -> UUID | None:
        """The saga that a start key stands for."""

    async def audit(
        self, actor: str, action: str, saga: UUID, step: int | None, reason: str | None, detail: dict[str, Json]
    ) -> None:
        """Write down what a person did."""
