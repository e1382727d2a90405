"""Who is notified about a commit, and about what."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from saga.core.state.phase import Phase
from saga.ports.values.claim import Claim, CommandRef


class SagaStatus(Struct, frozen=True, array_like=True):
    """How far a saga is, for whoever waits for its end; `input` and `results` only when it is completed."""

    definition: int
    phase: Phase
    reason: str | None
    input: bytes | None
    results: dict[int, bytes]


class Notifications(Struct):
    """Whom a commit notifies, in the same transaction.

    Processes are told of their new claims (`claim_refs`), services of commands in their queue (`services`), waiters of sagas
    that have ended (`ended`). `claims` and `statuses` carry some of these whole, which saves the receiver a query; a store may
    use them only when every write of the commit was made. Their times are on the clock of the notifying process.
    """

    claim_refs: dict[int, list[CommandRef]] = {}
    services: set[str] = set()
    ended: dict[int, list[UUID]] = {}
    claims: dict[int, list[Claim]] = {}
    statuses: dict[int, dict[UUID, SagaStatus]] = {}

    def add(self, other: Notifications) -> None:
        """Tell these too."""
        for process, refs in other.claim_refs.items():
            self.claim_refs.setdefault(process, []).extend(refs)
        for process, sagas in other.ended.items():
            self.ended.setdefault(process, []).extend(sagas)
        for process, claims in other.claims.items():
            self.claims.setdefault(process, []).extend(claims)
        for process, statuses in other.statuses.items():
            self.statuses.setdefault(process, {}).update(statuses)
        self.services |= other.services

    def drop_inline(self) -> None:
        """Tell addresses only: it is not known whether these claim_refs were made."""
        self.claims.clear()
        self.statuses.clear()
