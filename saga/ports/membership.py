"""The membership port: which processes are alive, and what each one is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import SagaStatus

LEADER_SILENCE_SECONDS_MAX: Final = 10.0  # who was not seen leading for so long counts as gone


@dataclass(frozen=True, slots=True)
class Peer:
    """A process that is alive, as the last beat saw it."""

    id: int
    name: str
    services: frozenset[str]
    capacity: int
    in_flight: int
    seen_ago_seconds: float


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a heartbeat answers.

    `store_clock` is the store's clock minus this process's monotonic one. `leader_seen_ago_seconds` is None where nobody has ever led.
    """

    peers: tuple[Peer, ...]
    has_due: bool
    store_clock: float
    leader_seen_ago_seconds: float | None
    released: int


@dataclass(slots=True)
class ProcessListener:
    """Callbacks for what others tell this process. They are called on the event loop and must not block.

    `works` brings claims whole, each at most once, with the times of this process; `ended` brings how a saga ended where that was told.
    """

    on_claim_refs: Callable[[list[CommandRef]], None]
    on_claims: Callable[[list[Claim]], None]
    on_queue: Callable[[str], None]
    on_ended: Callable[[dict[UUID, SagaStatus | None]], None]
    on_peers_changed: Callable[[], None]
    on_session_lost: Callable[[], None]


class Membership(Protocol):
    """Being alive, in the eyes of the others. It ends with the process, however that ends."""

    async def join(self, name: str, services: Sequence[str], capacity: int, listener: ProcessListener) -> int:
        """Enter the list of processes; returns this process's number, which is never used again.

        It hears of what is meant for it from then on, at the latest from when it serves, or has started a saga whose end it is told.
        """

    async def announce(self, services: Sequence[str], capacity: int) -> None:
        """Serve these services from now on, besides those announced before."""

    async def heartbeat(self, in_flight: int, *, full: bool) -> Heartbeat:
        """Say that we are alive; learn who else is; end the claims of the dead, and with `full` also those whose lease is over.

        A store may leave out the look at the leases where another process has made it within the last second.
        """

    async def lead(self, term: int, name: str | None, *, silence_seconds_max: float = math.inf) -> float:
        """Be seen leading in a term; None: not any more. Whichever election it was, this is what beats, people and the next leader see.

        Returns for how many seconds nobody was seen leading before this call, 0 where nobody ever was. Where that is more than
        `silence_seconds_max` it stays so: term and name are written, and the leader is not seen yet.

        Raises:
            LeadershipLost: somebody is seen leading in a later term; nothing has changed.
            Unavailable: unknown outcome.
        """

    async def leave(self) -> None:
        """Go in good order: claims that are held go back to their queues without being counted."""
