"""A memory store as one process sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from saga.errors import Closed
from saga.memory.data.database import Database
from saga.memory.data.transaction import Transaction
from saga.memory.directory import MemoryDirectory
from saga.memory.inbox import MemoryInbox
from saga.memory.membership import MemoryMembership
from saga.memory.reading.ledger import MemoryLedger
from saga.memory.retention import MemoryRetention
from saga.memory.schedules import MemorySchedules
from saga.memory.store import MemoryStore
from saga.memory.tokens import MemoryTokens
from saga.ports.access.tokens import Tokens
from saga.ports.adapter import StoreOptions
from saga.ports.directory import Directory
from saga.ports.inbox import Inbox
from saga.ports.ledger import Ledger
from saga.ports.listing import Listing
from saga.ports.membership import Membership
from saga.ports.retention import Retention
from saga.ports.schedules.schedules import Schedules
from saga.ports.store import Store


class MemoryAdapter:
    """See `saga.ports.adapter.StoreAdapter`. Several adapters of one database are several processes on one event loop."""

    queues_commands = True

    def __init__(self, database: Database, options: StoreOptions, name: str | None = None) -> None:
        self.database = database
        self._name = name
        self.options = options
        store = MemoryStore(database, options)
        self._session = store.session
        self._membership = MemoryMembership(database, options)
        self.store: Store = store
        self.inbox: Inbox = MemoryInbox(database, self._session)
        self.membership: Membership = self._membership
        self.directory: Directory = MemoryDirectory(database)
        ledger = MemoryLedger(database)
        self.ledger: Ledger = ledger
        self.listing: Listing = ledger
        self.retention: Retention = MemoryRetention(database)
        self.tokens: Tokens = MemoryTokens(database)
        self.schedules: Schedules = MemorySchedules(database, self._session)

    @property
    def place(self) -> str:
        """The database, for messages."""
        return "memory of this process"

    async def open(self) -> None:
        """Cannot fail, except that a closed adapter stays closed."""
        if self._session.is_closed:
            raise Closed("this store is closed")

    async def is_same_database(self, url: str) -> bool:
        """Tells whether a URL has the name of this store: the rows of its steps are then the store's own."""
        parts = urlsplit(url)
        return parts.scheme == "memory" and parts.netloc == self._name

    async def close(self) -> None:
        """Disconnect. A process that has not left counts as dead from now on."""
        self._session.is_closed = True
        self._membership.kill()

    def kill(self) -> None:
        """For tests: the process dies. It gives nothing back and receives nothing; a peer will find it dead."""
        self._membership.kill()

    def cut(self) -> None:
        """For tests: the process lives on, but loses its session. It is notified, and its peers consider it dead."""
        self._membership.cut()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        if self._session.is_closed:
            raise Closed("this store is closed")
        async with self.database.transaction() as transaction:
            yield transaction
