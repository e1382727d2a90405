"""The store's ports. The store is the truth; everything else may be lost, doubled or late."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from saga.core.contract import Contract
from saga.core.graph import Graph, Json
from saga.ports.listing import Listing
from saga.ports.work import Delivery, Miss, Overdue, Ref, Signals, Standing, Start, TakenKey, Work, Write

LEADER_SILENCE_SECONDS_MAX: Final = 10.0  # who was not seen leading for so long counts as gone

Connection = Any  # a driver's connection: the port passes it through and knows nothing of it


class Store(Protocol):
    """The hot path. Every call is one transaction; on `Unavailable` its outcome is unknown (it may have been committed)."""

    async def start(
        self,
        starts: Sequence[Start],
        signals: Signals,
        *,
        process: int,
        waiter: int | None,
        again: bool,
        connection: Connection = None,
    ) -> list[TakenKey]:
        """Insert sagas with their first commands, durably. A start whose key is taken is not inserted and is returned.

        `again`: an earlier call with these starts ended with `Unavailable`; those that it has inserted are left as they are.
        `connection`: take part in its transaction.
        """

    async def commit(
        self,
        writes: Sequence[Write],
        signals: Signals,
        *,
        process: int,
        durable: bool,
        wait: bool,
        connection: Connection = None,
    ) -> list[Miss]:
        """Write what was decided, each saga as a whole or not at all; return the misses.

        `wait` waits for locked sagas instead of returning them as misses. `connection`: take part in its transaction.
        """

    async def pull(
        self, services: Sequence[str], limit: int, *, process: int, first_claim: int, durable: bool
    ) -> list[Work]:
        """Claim up to `limit` queued commands that are due, oldest first. Claims are numbered from `first_claim` + 1."""

    async def admit(
        self, deliveries: Sequence[Delivery], services: Sequence[str], *, process: int, first_claim: int, durable: bool
    ) -> list[Work]:
        """Claim delivered commands (`services[n]` serves `deliveries[n]`): those that the vector calls for and nobody holds (G1)."""

    async def fetch(self, refs: Sequence[Ref], *, process: int) -> list[Work]:
        """Read the claims that this process holds: all of them where `refs` is empty. What is not called for any more is dropped."""

    async def overdue(self, limit: int, services: Sequence[str] | None) -> list[Overdue]:
        """Sagas whose wake_at has passed, the most overdue first; of definitions that involve one of `services`, None: all."""

    async def extend(
        self, works: Sequence[Work], *, process: int, progress: bytes | None = None, trial: bool = False
    ) -> set[int]:
        """Prolong the leases of claims; return the numbers of those that this process has lost, or that are not called for any more.

        A process that has lost a claim may hold a newer one of the same command: that does not prolong the older one (G26).
        `progress`: also note on the command how far it is (JSON), for the next attempt of the same operation. `trial`: also count
        that it begins alone now; a process that leaves in good order takes back what its claims have counted last.
        """


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
class Beat:
    """What a heart-beat answers.

    `store_clock` is the store's clock minus this process's monotonic one. `leader_seen_ago_seconds` is None where nobody has ever led.
    """

    peers: tuple[Peer, ...]
    has_due: bool
    store_clock: float
    leader_seen_ago_seconds: float | None
    released: int


@dataclass(slots=True)
class Ears:
    """Callbacks for what others tell this process. They are called on the event loop and must not block.

    `works` brings claims whole, each at most once, with the times of this process; `ended` brings how a saga ended where that was told.
    """

    claims: Callable[[list[Ref]], None]
    works: Callable[[list[Work]], None]
    queue: Callable[[str], None]
    ended: Callable[[dict[UUID, Standing | None]], None]
    peers: Callable[[], None]
    lost: Callable[[], None]


class Membership(Protocol):
    """Being alive, in the eyes of the others. It ends with the process, however that ends."""

    async def join(self, name: str, services: Sequence[str], capacity: int, ears: Ears) -> int:
        """Enter the list of processes; returns this process's number, which is never used again.

        It hears of what is meant for it from then on, at the latest from when it serves, or has started a saga whose end it is told.
        """

    async def announce(self, services: Sequence[str], capacity: int) -> None:
        """Serve these services from now on, besides those announced before."""

    async def beat(self, in_flight: int, *, full: bool) -> Beat:
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


class Directory(Protocol):
    """Definitions and contracts."""

    async def publish(self, contracts: Sequence[Contract]) -> None:
        """Replace what was published under the same names."""

    async def contracts(self) -> dict[str, Contract]:
        """All contracts, by 'service.handler'."""

    async def register(self, graph: Graph, input_schema: Json, *, activate: bool, overwrite: bool) -> int:
        """Store a definition and return its number. The same hash again is the same number.

        Raises:
            Conflict: this name and version is another graph already; `overwrite` replaces it where no saga runs on it.
        """

    async def graph(self, definition: int) -> Graph:
        """Load a definition by number. Raises NotFound."""

    async def find(self, name: str, version: int | None) -> tuple[int, Graph]:
        """A definition by name: that version, or the newest one that is activated. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A saga as people and clients see it: the row, its results, its commands under way."""

    saga: UUID
    definition: int
    definition_name: str
    definition_version: int
    overdue: Overdue
    started_at: float
    ended_at: float | None
    input: bytes
    results: dict[int, bytes]


class Ledger(Protocol):
    """Reading sagas, and acting on them; only `standings` is on the hot path."""

    async def standings(self, sagas: Sequence[UUID]) -> dict[UUID, Standing]:
        """How far these sagas are; those that are not there are left out."""

    async def snapshot(self, saga: UUID) -> Snapshot:
        """Raises NotFound."""

    async def find_key(self, definition_name: str, key: str) -> UUID | None:
        """The saga that a start key stands for."""

    async def audit(
        self, actor: str, action: str, saga: UUID, step: int | None, reason: str | None, detail: dict[str, Json]
    ) -> None:
        """Write down what a person did."""


class Retention(Protocol):
    """House-keeping, by the leader."""

    async def purge(self, older_than_seconds: float, limit: int) -> int:
        """Delete finished sagas that ended longer ago, with their steps and keys; returns how many."""

    async def keep_history(self, days: float) -> None:
        """Make the history's partitions for the days ahead, and drop those that are older than `days`."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Settings of a store. `lease_seconds`: how long a claim holds without renewal; `margin_seconds`: how much later than its time-out an
    external call may still arrive; `redrive_seconds`: how often a saga is looked after although nobody asked; `line`: whether processes of
    one machine may tell each other directly what a commit made for them."""

    namespace: str = "saga"
    lease_seconds: float = 30.0
    margin_seconds: float = 5.0
    redrive_seconds: float = 30.0
    hot_connections_max: int = 6
    handler_connections_max: int = 10
    application: str = "saga"
    line: bool = True


class StoreAdapter(Protocol):
    """What an `open_store` returns: one object per process, closed at the end."""

    @property
    def store(self) -> Store: ...
    @property
    def membership(self) -> Membership: ...
    @property
    def directory(self) -> Directory: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def listing(self) -> Listing: ...
    @property
    def retention(self) -> Retention: ...
    @property
    def options(self) -> StoreOptions: ...

    async def open(self) -> None:
        """Connect and check: reachable, credentials, schema, pooler. Raises Unavailable, AccessRefused, SchemaMismatch, UsageError."""

    async def close(self) -> None:
        """Give everything back. Calling it twice is harmless."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A connection with a transaction for a transactional step."""
