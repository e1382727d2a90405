"""The command table: one row for each outstanding command, queued or claimed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from saga.core.state.operation import Operation
from saga.memory.data.due_queue import DueQueue
from saga.ports.values.claim import CommandRef


@dataclass(slots=True)
class CommandRow:
    """Times are on the store's monotonic clock. No owner: queued, due at `due_at`; infinity: parked.

    Only `Commands` changes owner, lease and due time, by which it has indexes.
    """

    ref: CommandRef
    operation: Operation
    service: str
    owner: int | None = None
    claim: int | None = None
    due_at: float = 0.0
    lease_until: float | None = None
    quiet_at: float | None = None
    first_failed_at: float | None = None
    deliveries: int = 0
    failures: int = 0
    isolated_attempts: int = 0
    error: str | None = None
    progress: bytes | None = None
    until: float | None = None  # in seconds since the epoch
    awaits: tuple[str, ...] = ()

    def reset(self, operation: Operation) -> None:
        """Sets the operation, with new counters."""
        self.operation, self.first_failed_at = operation, None
        self.deliveries = self.failures = self.isolated_attempts = 0

    def forget(self) -> None:
        """Discards what the command of another operation has recorded."""
        self.progress, self.until, self.awaits = None, None, ()


class Commands:
    """All command rows, with the indexes that the hot path needs: by saga, by owner, by service and due time."""

    def __init__(self) -> None:
        self._of_saga: dict[UUID, dict[int, CommandRow]] = {}
        self._of_owner: dict[int, dict[CommandRef, CommandRow]] = {}
        self._queues: dict[str, DueQueue[CommandRef]] = {}

    def get(self, ref: CommandRef) -> CommandRow | None:
        return self._of_saga.get(ref.saga, {}).get(ref.step)

    def of_saga(self, saga: UUID) -> list[CommandRow]:
        return list(self._of_saga.get(saga, {}).values())

    def of_owner(self, owner: int) -> list[CommandRow]:
        return list(self._of_owner.get(owner, {}).values())

    def owned(self) -> list[CommandRow]:
        """Every claimed row."""
        return [row for rows in self._of_owner.values() for row in rows.values()]

    def due(self, service: str, now: float, limit: int, is_wanted: Callable[[CommandRef], bool]) -> list[CommandRow]:
        """Queued rows of a service that are due, the oldest first."""
        queue = self._queues.get(service)
        rows = [] if queue is None else [self.get(ref) for ref in queue.due(now, limit, is_wanted)]
        return [row for row in rows if row is not None]

    def first_due_at(self) -> float | None:
        """The time at which the first of all queued commands is due; None if none is queued."""
        return min((at for queue in self._queues.values() if (at := queue.first_at()) is not None), default=None)

    def add(self, row: CommandRow) -> None:
        self._of_saga.setdefault(row.ref.saga, {})[row.ref.step] = row
        self._index(row)

    def remove(self, row: CommandRow) -> None:
        self._unindex(row)
        steps = self._of_saga[row.ref.saga]
        del steps[row.ref.step]
        if not steps:
            del self._of_saga[row.ref.saga]

    def remove_sagas(self, sagas: Iterable[UUID]) -> None:
        for saga in sagas:
            for row in self.of_saga(saga):
                self.remove(row)

    def claim(self, row: CommandRow, owner: int, claim: int | None, lease_until: float) -> None:
        """Gives a row to a process."""
        self._unindex(row)
        row.owner, row.claim, row.lease_until = owner, claim, lease_until
        self._index(row)

    def queue(self, row: CommandRow, due_at: float) -> None:
        """Ends the claim of a row, if it has one, and make it due at `due_at`. The number of its newest claim stays."""
        self._unindex(row)
        row.owner, row.lease_until, row.due_at = None, None, due_at
        self._index(row)

    def extend_timeouts(self, now: float, until: float, is_free: Callable[[CommandRef], bool]) -> list[CommandRow]:
        """Moves the timeouts that have passed, of rows that nobody has locked. Both times are in seconds since the epoch.

        A command that waits for no event is a timer, and stays as it is.
        """
        rows = [row for rows in self._of_saga.values() for row in rows.values() if row.awaits]
        late = [row for row in rows if row.until is not None and row.until <= now and is_free(row.ref)]
        for row in late:
            row.until = until
        return late

    def _index(self, row: CommandRow) -> None:
        if row.owner is not None:
            self._of_owner.setdefault(row.owner, {})[row.ref] = row
        elif row.due_at < math.inf:
            self._queues.setdefault(row.service, DueQueue()).put(row.ref, row.due_at)

    def _unindex(self, row: CommandRow) -> None:
        if row.owner is not None:
            rows = self._of_owner[row.owner]
            del rows[row.ref]
            if not rows:
                del self._of_owner[row.owner]
        elif row.service in self._queues:
            self._queues[row.service].discard(row.ref)
