"""The inbox table: the events of each saga, in the order in which they were sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from saga.ports.inbox import InboxEvent


@dataclass(slots=True)
class InboxRow:
    """`at` is on the store's monotonic clock. `step`: which has consumed the event; None: none has."""

    event: InboxEvent
    at: float
    step: int | None = None


class InboxRows:
    """All events, and the sagas that have events for which nobody has woken them."""

    def __init__(self) -> None:
        self._of_saga: dict[UUID, dict[str, InboxRow]] = {}
        self._unwoken: dict[UUID, set[str]] = {}

    def get(self, saga: UUID, event: str) -> InboxRow | None:
        return self._of_saga.get(saga, {}).get(event)

    def of_saga(self, saga: UUID) -> list[InboxRow]:
        return list(self._of_saga.get(saga, {}).values())

    def first(self, saga: UUID, names: Sequence[str]) -> InboxRow | None:
        """The event of one of these names that was sent first, of those that no step has consumed."""
        rows = self._of_saga.get(saga, {}).values()
        return next((row for row in rows if row.step is None and row.event.name in names), None)

    def add(self, saga: UUID, row: InboxRow) -> None:
        self._of_saga.setdefault(saga, {})[row.event.event] = row
        self._unwoken.setdefault(saga, set()).add(row.event.event)

    def consume(self, saga: UUID, event: str, step: int) -> None:
        self._of_saga[saga][event].step = step

    def unwoken(self, limit: int) -> list[UUID]:
        return list(islice(self._unwoken, limit))

    def unwoken_names(self, saga: UUID) -> set[str]:
        """The names of the events of a saga for which nobody has woken it, of those that no step has consumed."""
        rows = (self._of_saga[saga][event] for event in self._unwoken.get(saga, ()))
        return {row.event.name for row in rows if row.step is None}

    def woken(self, saga: UUID) -> None:
        self._unwoken.pop(saga, None)

    def remove_sagas(self, sagas: Iterable[UUID]) -> None:
        for saga in sagas:
            self._of_saga.pop(saga, None)
            self._unwoken.pop(saga, None)
