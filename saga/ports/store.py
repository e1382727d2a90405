"""The store's port for the hot path. The store is the truth; everything else may be lost, duplicated or late.

Every call is one transaction. What happens in normal work (a taken key, a write conflict, a lost claim) is returned, not raised.

Hints for speed tell the store what the caller knows, so that it can save work. A store may ignore any of them.

- `durable=False`: the caller can repeat the call after a crash of the server, so the store may answer before the commit is on disk.
- `Write.is_new`: none of the rows that the write inserts should exist yet. The caller may be wrong, so a store must notice.
- `Notifications.claims` and `.statuses`: the claims and statuses that `claim_refs` and `ended` refer to; receivers need not read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from saga.core.condition.facts import Facts
from saga.ports.values.claim import Claim, CommandRef, DeliveredCommand
from saga.ports.values.notification import Notifications
from saga.ports.values.overdue import BEGINNING, OverdueSaga, Place
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Write, WriteConflict

# A driver's connection. The port passes it through and knows nothing about it.
Connection = Any


class Store(Protocol):
    """Starts sagas, commits decisions, and hands out claims.

    Ordering: none between sagas; writes of one saga are ordered by its version (G4). Idempotence: a write is made at most once,
    because it is conditional on the version. Cancellation: the outcome of a cancelled call is unknown.

    Raises:
        Unavailable: by every method; the outcome is unknown, the transaction may have been committed.
    """

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
        """Inserts sagas with their first commands, durably. Returns the starts whose key is taken; those are not inserted.

        `is_retry`: an earlier call with these starts ended with `Unavailable`; the sagas that it has inserted stay as they are.
        `connection`: take part in its transaction, which a caller of `start(tx=...)` has begun.

        Raises:
            UsageError: `connection` is not in a transaction of this store's database; nothing was written.
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
        """Writes what was decided, each saga as a whole or not at all. Returns the write conflicts.

        `wait`: wait for locked sagas instead of returning them as conflicts. `connection`: take part in its transaction.

        Raises:
            AlreadyExists: the request of an operator's action is in the audit already; nothing was written.
        """

    async def poll(
        self, services: Sequence[str], limit: int, *, process: int, first_claim: int, durable: bool
    ) -> list[Claim]:
        """Claims up to `limit` queued commands that are due, oldest first, with numbers from `first_claim` + 1."""

    async def admit(
        self,
        deliveries: Sequence[DeliveredCommand],
        services: Sequence[str],
        *,
        process: int,
        first_claim: int,
        durable: bool,
    ) -> list[Claim]:
        """Claims the delivered commands that the state vector calls for and that nobody holds (G1).

        `services[n]` serves `deliveries[n]`.
        """

    async def fetch(self, refs: Sequence[CommandRef], *, process: int) -> list[Claim]:
        """Reads claims that this process holds; all of them where `refs` is empty. Drops those that are no longer called for.

        Claims of paused sagas are not returned, and stay with this process: what runs goes on during a pause.
        """

    async def unclaimed(self, refs: Sequence[CommandRef]) -> set[CommandRef]:
        """Returns the commands that no process has ever claimed (G135), whether or not they have a row.

        A process may claim one of them at any moment: only a commit can make sure, see `Write.fences`. What counts is the claim number,
        which a row keeps for as long as its operation stays the same.
        """

    async def facts(self, saga: UUID, steps: Sequence[int]) -> Facts:
        """Reads a saga's input and the results of these steps, for conditions. A step without a result has null.

        Asked only where a claim has not brought them: an operator's action, branches that finish side by side. A saga that is gone has
        nothing, and every commit on it conflicts.
        """

    async def overdue(self, limit: int, services: Sequence[str] | None, after: Place = BEGINNING) -> list[OverdueSaga]:
        """Reads sagas whose wake-up time has passed, the most overdue first.

        `services`: only sagas whose definition involves one of them; None: all. `after`: only sagas behind this place.
        """

    async def extend(
        self, claims: Sequence[Claim], *, process: int, progress: bytes | None = None, isolated: bool = False
    ) -> set[int]:
        """Renews the leases of claims. Returns the numbers of the claims that are lost, or no longer called for.

        A claim stays lost even if the process holds a newer claim of the same command (G26).
        `progress`: also records on the command how far it has got (JSON), for the next attempt of the same operation. `isolated`:
        also counts an isolated attempt that begins now; a process that leaves in good order takes its last counts back.
        """
