"""A disposable but durable PostgreSQL: the embedded one of the distribution, in its released form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from saga_postgres.embedded.server import EmbeddedPostgres

# The settings that durability needs, read back from the running server.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

LOG_MEBIBYTES = 480
MESSAGE_MEBIBYTES = 8


class NotDurable(RuntimeError):
    """The server would lose acknowledged commits, so its figures would be worthless."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL: its URL, and the settings that it reports."""

    home: str  # the URL of its maintenance database
    version: str
    settings: dict[str, str]

    def url(self, database: str) -> str:
        return urlsplit(self.home)._replace(path=f"/{database}").geturl()

    def fresh(self, database: str) -> str:
        """Creates an empty database of this name, dropping an older one; returns its URL."""
        name = sql.Identifier(database)
        with psycopg.connect(self.home, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            connection.execute(sql.SQL("create database {}").format(name))
            # Writes the dirty pages of the last run now, and not during the next one.
            connection.execute("checkpoint")
        return self.url(database)


@contextmanager
def durable_postgres() -> Iterator[Server]:
    """Runs a new cluster on a free loopback port; stops and removes it at the end.

    Raises:
        NotDurable: the running server does not report the settings that durability needs.
    """
    with EmbeddedPostgres() as postgres:
        server = read_back(postgres.url)
        age(server)
        yield server


def age(server: Server) -> None:
    """Writes some log and discards it, so that the server is like one that has been running for a while.

    A new server has no old log segments to write over: every 16 MiB a commit waits some 80 ms until a new one is made.
    """
    with psycopg.connect(server.home, autocommit=True) as connection:
        for _ in range(LOG_MEBIBYTES // MESSAGE_MEBIBYTES):
            connection.execute(
                "select pg_logical_emit_message(false, 'bench', repeat('x', %s))", [MESSAGE_MEBIBYTES << 20]
            )
        connection.execute("checkpoint")


def read_back(url: str) -> Server:
    """Asks the running server for its settings, and refuses one that is not durable."""
    with psycopg.connect(url) as connection:
        version = str(connection.info.parameter_status("server_version"))
        rows = connection.execute("select name, setting from pg_settings").fetchall()
    reported = {str(name): str(setting) for name, setting in rows}
    settings = {name: reported[name] for name in DURABLE}
    if settings != DURABLE:
        raise NotDurable(f"the server reports {settings}, wanted {DURABLE}")
    return Server(url, version, settings)
