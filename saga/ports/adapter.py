"""The store adapter: all of a store's ports behind one object, and the settings it is opened with."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from saga.ports.directory import Directory
from saga.ports.ledger import Ledger
from saga.ports.listing import Listing
from saga.ports.membership import Membership
from saga.ports.retention import Retention
from saga.ports.store import Connection, Store


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Settings of a store. `lease_seconds`: how long a claim holds without renewal; `margin_seconds`: how much later than its timeout an
    external call may still arrive; `redrive_seconds`: how often a saga that waits is checked; `local_socket`:
    whether processes of one machine may notify each other over Unix sockets."""

    namespace: str = "saga"
    lease_seconds: float = 30.0
    margin_seconds: float = 5.0
    redrive_seconds: float = 30.0
    hot_connections_max: int = 6
    handler_connections_max: int = 10
    application: str = "saga"
    local_socket: bool = True


class StoreAdapter(Protocol):
    """What an `open_store` returns: one object per process, closed at the end."""

    @property
    def store(self) -> Store:
        """Commits, claims and starts."""

    @property
    def membership(self) -> Membership:
        """Joining the namespace, heartbeats, dead peers."""

    @property
    def directory(self) -> Directory:
        """Definitions and contracts."""

    @property
    def ledger(self) -> Ledger:
        """Single sagas, for operators and the runtime."""

    @property
    def listing(self) -> Listing:
        """Lists and surveys of sagas, for people."""

    @property
    def retention(self) -> Retention:
        """Removal of finished sagas and old history."""

    @property
    def options(self) -> StoreOptions:
        """The options that the adapter was opened with."""

    async def open(self) -> None:
        """Connect and check: reachable, credentials, schema, pooler. Raises Unavailable, AccessRefused, SchemaMismatch, UsageError."""

    async def close(self) -> None:
        """Give everything back. Calling it twice is harmless."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A connection with a transaction for a transactional step."""
