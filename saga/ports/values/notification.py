"""The notifications of a commit."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from saga.core.state.phase import Phase
from saga.ports.values.claim import Claim, CommandRef


class SagaStatus(Struct, frozen=True, array_like=True):
    """The status of a saga, for a process that waits for its end. `input` and `results` are there only if it has completed."""

    definition: int
    phase: Phase
    reason: str | None
    input: bytes | None
    results: dict[int, bytes]


class Notifications(Struct):
    """Notifications that are sent with a commit, in the same transaction.

    `claim_refs`: new claims, by process. `services`: the services with new commands in their queues. `ended`: sagas that have
    ended, by the process that waits for them. `claims` and `statuses` carry some of these inline, which saves the receiver a
    query; a store may use them only if every write of the commit was made. Their times are on the clock of the sender.
    """

    claim_refs: dict[int, list[CommandRef]] = {}
    services: set[str] = set()
    ended: dict[int, list[UUID]] = {}
    claims: dict[int, list[Claim]] = {}
    statuses: dict[int, dict[UUID, SagaStatus]] = {}

    def add(self, other: Notifications) -> None:
        """Adds the notifications of another commit."""
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
        """Keeps only references, because it is not known whether the claims were made."""
        self.claims.clear()
        self.statuses.clear()
