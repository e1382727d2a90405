"""The store's ports. The store is the truth; everything else may be lost, doubled or late."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from saga.ports.values.claim import Claim, CommandRef, DeliveredCommand
from saga.ports.values.notification import Notifications
from saga.ports.values.overdue import OverdueSaga
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Write, WriteConflict

# A driver's connection. The port passes it through and knows nothing about it.
Connection = Any


class Store(Protocol):
    """The hot path. Every call is one transaction; on `Unavailable` its outcome is unknown (it may have been committed)."""

    async def start(
        self,
        starts: Sequence[Start],
        notifications: Notifications,
        *,
        process: int,
        waiter: int | None,
        is_retry: bool,
        connection: Connection = None,
    ) -> list[TakenKey]:
        """Insert sagas with their first commands, durably. A start whose key is taken is not inserted and is returned.

        `is_retry`: an earlier call with these starts ended with `Unavailable`; those that it has inserted are left as they are.
        `connection`: take part in its transaction.
        """

    async def commit(
        self,
        writes: Sequence[Write],
        notifications: Notifications,
        *,
        process: int,
        durable: bool,
        wait: bool,
        connection: Connection = None,
    ) -> list[WriteConflict]:
        """Write what was decided, each saga as a whole or not at all; return the conflicts.

        `wait` waits for locked sagas instead of returning them as conflicts. `connection`: take part in its transaction.
        """

    async def poll(
        self, services: Sequence[str], limit: int, *, process: int, first_claim: int, durable: bool
    ) -> list[Claim]:
        """Claim up to `limit` queued commands that are due, oldest first. Claims are numbered from `first_claim` + 1."""

    async def admit(
        self,
        deliveries: Sequence[DeliveredCommand],
        services: Sequence[str],
        *,
        process: int,
        first_claim: int,
        durable: bool,
    ) -> list[Claim]:
        """Claim delivered commands (`services[n]` serves `deliveries[n]`): those that the vector calls for and nobody holds (G1)."""

    async def fetch(self, refs: Sequence[CommandRef], *, process: int) -> list[Claim]:
        """Read the claims that this process holds: all of them where `refs` is empty. What is not called for any more is dropped."""

    async def overdue(self, limit: int, services: Sequence[str] | None) -> list[OverdueSaga]:
        """Sagas whose wake_at has passed, the most overdue first; of definitions that involve one of `services`, None: all."""

    async def extend(
        self, claims: Sequence[Claim], *, process: int, progress: bytes | None = None, isolated: bool = False
    ) -> set[int]:
        """Prolong the leases of claims; return the numbers of those that this process has lost, or that are not called for any more.

        A process that has lost a claim may hold a newer one of the same command: that does not prolong the older one (G26).
        `progress`: also note on the command how far it is (JSON), for the next attempt of the same operation. `isolated`: also count
        that it begins alone now; a process that leaves in good order takes back what its claims have counted last.
        """
