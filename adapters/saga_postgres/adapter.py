"""Postgres as the store of a process: the parts of the port, wired to shared connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from saga.ports.adapter import StoreAdapter, StoreOptions
from saga_postgres.announce.announcer import Announcer
from saga_postgres.connection.handler_pool import HandlerPool
from saga_postgres.connection.pool import HOT, Connection, Pool
from saga_postgres.connection.same_database import is_same_database
from saga_postgres.connection.session import KEEPALIVE
from saga_postgres.directory import PostgresDirectory
from saga_postgres.hot_path.store import PostgresStore
from saga_postgres.inbox import PostgresInbox
from saga_postgres.membership import PostgresMembership
from saga_postgres.reading.ledger import PostgresLedger
from saga_postgres.schedules import PostgresSchedules
from saga_postgres.schema.retention import PostgresRetention
from saga_postgres.schema.store_check import inspect
from saga_postgres.tokens import PostgresTokens


class PostgresAdapter:
    """See `saga.ports.adapter.StoreAdapter`.

    The framework's statements and transactional handlers use separate pools, so that a slow handler never delays a commit.
    """

    queues_commands = True

    def __init__(self, url: str, options: StoreOptions) -> None:
        self.options = options
        self.pool = Pool(
            url,
            options.namespace,
            connections_max=options.hot_connections_max,
            application=options.application,
            tuning=HOT,
        )
        self._handlers = HandlerPool(
            url,
            connections_max=options.handler_connections_max,
            settings={"application_name": options.application, "jit": "off", "array_nulls": "on", **KEEPALIVE},
            begin="isolation level read committed",  # a decision that is out of date is taken again on the row as it is
        )
        self.announcer = Announcer(self.pool, options)
        self.membership = PostgresMembership(self.pool, options, self.announcer, version("saga-coordination"))
        self.store = PostgresStore(self.pool, options, self.announcer, self.membership.listen)
        self.inbox = PostgresInbox(self.pool, options.namespace)
        self.directory = PostgresDirectory(self.pool)
        self.ledger = self.listing = PostgresLedger(self.pool)
        self.retention = PostgresRetention(self.pool)
        self.tokens = PostgresTokens(self.pool)
        self.schedules = PostgresSchedules(self.pool)

    @property
    def place(self) -> str:
        """The database as messages name it, without the password."""
        return self.pool.place

    async def open(self) -> None:
        await inspect(self.pool)
        await self.announcer.open()

    async def is_same_database(self, url: str) -> bool:
        """Tells whether a URL leads to this database, however it is written."""
        return await is_same_database(self.pool, url)

    async def close(self) -> None:
        """Closes all connections. A process that has not left counts as dead from now on."""
        self.membership.close()
        await self._handlers.close()
        await self.pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction in the store's database for one transactional step; committed at the end, rolled back on an exception."""
        async with self._handlers.transaction() as connection:
            yield connection


def open_store(url: str, options: StoreOptions) -> StoreAdapter:
    """The store for postgresql:// URLs."""
    return PostgresAdapter(url, options)
