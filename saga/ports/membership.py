"""The membership port: which processes are alive, and how a process is notified."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import SagaStatus

LEADER_SILENCE_SECONDS_MAX: Final = 10.0
"""A leader that has not been seen leading for this long counts as gone."""


@dataclass(frozen=True, slots=True)
class ClaimCost:
    """The cost of claims in a process. `claim_seconds`: processor time of one claim, from taking it to its commit.

    `busy`: the share of one processor that the whole process used lately.
    """

    claim_seconds: float
    busy: float


@dataclass(frozen=True, slots=True)
class Peer:
    """A process that was alive at the last heartbeat. `cost`: None if it has not reported any, as an older build does not."""

    id: int
    name: str
    services: frozenset[str]
    capacity: int
    in_flight: int
    seen_ago_seconds: float
    cost: ClaimCost | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The answer to a heartbeat.

    `has_due`: commands are due in a queue of this process. `released`: how many claims of dead processes it has freed.
    `store_clock`: the store's clock minus this process's monotonic clock. `leader_seen_ago_seconds`: None if there was never a leader.
    """

    peers: tuple[Peer, ...]
    has_due: bool
    store_clock: float
    leader_seen_ago_seconds: float | None
    released: int


@dataclass(slots=True)
class ProcessListener:
    """Callbacks for the notifications of this process. They run on the event loop and must not block.

    `on_claims` receives inline claims, each at most once, with times on this process's clock. `on_ended` receives the status of
    a saga where the notification carried it, else None. `on_session_lost`: the store no longer sees this process as alive.
    """

    on_claim_refs: Callable[[list[CommandRef]], None]
    on_claims: Callable[[list[Claim]], None]
    on_queue: Callable[[str], None]
    on_ended: Callable[[dict[UUID, SagaStatus | None]], None]
    on_peers_changed: Callable[[], None]
    on_session_lost: Callable[[], None]


class Membership(Protocol):
    """Shows other processes that this one is alive. It stops with the process, however the process ends.

    Delivery: notifications may be lost or repeated; the heartbeat and the wake-up times of sagas make up for lost ones.

    Raises:
        Unavailable: by every method; the outcome is unknown.
    """

    async def join(self, name: str, services: Sequence[str], capacity: int, listener: ProcessListener) -> int:
        """Adds this process to the live processes. Returns its number, which is never used again.

        Notifications for it may arrive from then on. They do once it serves, or has started a saga whose end it waits for.
        """

    async def announce(self, services: Sequence[str], capacity: int) -> None:
        """Sets the services that this process serves, and its capacity: in place of those that it announced before."""

    async def heartbeat(self, in_flight: int, *, full: bool, cost: ClaimCost | None = None) -> Heartbeat:
        """Reports that this process is alive, and reads which others are. Frees the claims of dead processes.

        `in_flight`, `cost`: the others read them, and choose by them which process gets a command.

        `full`: also free claims whose lease has ended; a store may skip that if another process has done it within the last second.
        """

    async def lead(self, term: int, name: str | None, *, silence_seconds_max: float = math.inf) -> float:
        """Records that `name` leads in this term; None: that it no longer does. Heartbeats, operators and the next leader read it.

        Returns for how many seconds before this call no leader was seen, 0 if there never was one. If that is more than
        `silence_seconds_max`, term and name are recorded, but the leader does not count as seen yet.

        Raises:
            LeadershipLost: another process is seen leading in a later term; nothing has changed.
            Unavailable: the outcome is unknown.
        """

    async def leave(self) -> None:
        """Leaves in good order: the claims of this process go back to their queues. Their deliveries stay counted.

        The process may be leaving because of a step that it has begun. What it had not begun, it has given back before.
        """
