"""The store adapter: one object with all ports of a store, and the options it is opened with."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from saga.ports.access.tokens import Tokens
from saga.ports.directory import Directory
from saga.ports.inbox import Inbox
from saga.ports.ledger import Ledger
from saga.ports.listing import Listing
from saga.ports.membership import Membership
from saga.ports.retention import Retention
from saga.ports.schedules.schedules import Schedules
from saga.ports.store import Connection, Store


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """The options of a store.

    `lease_seconds`: how long a claim holds without renewal. `margin_seconds`: how much later than its timeout an external call may
    still arrive. `redrive_seconds`: how often a waiting saga is redriven. `local_socket`: whether processes of one machine may
    notify each other over a Unix socket.
    """

    namespace: str = "saga"
    lease_seconds: float = 30.0
    margin_seconds: float = 5.0
    redrive_seconds: float = 30.0
    hot_connections_max: int = 6
    handler_connections_max: int = 10
    application: str = "saga"
    local_socket: bool = True


class StoreAdapter(Protocol):
    """The ports of one store. `open_store` returns one for each process, which closes it at its end."""

    @property
    def store(self) -> Store:
        """Commits, claims and starts."""

    @property
    def inbox(self) -> Inbox:
        """Events that are sent to sagas."""

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
    def tokens(self) -> Tokens:
        """The tokens of the API."""

    @property
    def schedules(self) -> Schedules:
        """Sagas that are started at moments."""

    @property
    def options(self) -> StoreOptions:
        """The options that the adapter was opened with."""

    async def open(self) -> None:
        """Connects, and checks the schema and that no pooler is in transaction mode.

        Raises:
            UsageError: the URL or an option is wrong, or a pooler is in transaction mode.
            SchemaMismatch: the tables are missing, older or newer than this build needs.
            AccessRefused: the server refuses the user or the database.
            Unavailable: the server cannot be reached.
        """

    async def is_same_database(self, url: str) -> bool:
        """Tells whether a URL leads to the database of this store, however it is written: the servers are asked, not the texts compared.

        Raises:
            UsageError: the URL is malformed.
            AccessRefused: the server refuses the user or the database.
            Unavailable: the server cannot be reached.
        """

    async def close(self) -> None:
        """Closes all connections. Calling it twice is harmless."""

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A connection with a transaction, for a transactional step. It commits at the end of the block.

        Raises:
            Unavailable: at the end of the block, the outcome is unknown.
        """
