"""PostgreSQL and PgBouncer from the environment, else a container, else native."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import socket
import tempfile
import time
import urllib.parse
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg

from saga.errors import MissingDriver
from saga_postgres.connection.pool import HOT
from saga_postgres.connection.session import KEEPALIVE, PINNED
from saga_postgres.embedded.child import LOOPBACK, Account, Child, free_port
from saga_postgres.embedded.server import NOT_DURABLE, EmbeddedPostgres
from tests.services.places import Missing, no_docker

POSTGRES_IMAGE = "postgres:17"
TEST_SETTINGS = {**NOT_DURABLE, "max_connections": "300", "shared_buffers": "64MB"}
PGBOUNCER_START_TIMEOUT_SECONDS = 10.0
SESSION_SETTINGS = ",".join(["extra_float_digits", "search_path", *PINNED, *KEEPALIVE, *(HOT.keys() - PINNED)])
POLL_SECONDS = 0.01


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Yields the administrator's URL of a PostgreSQL, which is deleted afterwards unless the environment named it."""
    if url := os.environ.get("SAGA_TEST_POSTGRES_URL"):
        yield url
    elif why_not := no_docker():
        with contextlib.ExitStack() as stack:
            try:
                server = stack.enter_context(EmbeddedPostgres(settings=TEST_SETTINGS))
            except MissingDriver as error:
                raise Missing(f"postgres: SAGA_TEST_POSTGRES_URL is not set; {why_not}; {error}") from error
            yield server.url
    else:
        containers = importlib.import_module("testcontainers.community.postgres")
        with containers.PostgresContainer(POSTGRES_IMAGE, driver=None) as container:
            yield container.get_connection_url()


@contextlib.asynccontextmanager
async def database(server_url: str, *, template: str = "template0") -> AsyncIterator[str]:
    """Yields the URL of a new database, empty or a copy. It is dropped afterwards, even if clients are connected."""
    name = f"test_{uuid.uuid4().hex}"
    await administer(server_url, f'create database "{name}" template "{template}"')
    try:
        yield with_database(server_url, name)
    finally:
        await administer(server_url, f'drop database "{name}" with (force)')


@contextlib.contextmanager
def pgbouncer(server_url: str, *, pool_mode: str = "transaction", ignored: str = "extra_float_digits") -> Iterator[str]:
    """Yields the URL of a PgBouncer in front of a server. Other databases have the same URL with another path.

    `ignored`: the settings of a connection that it swallows instead of refusing the connection.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/opt/homebrew/bin")
    if not program:
        raise Missing("pgbouncer: not on PATH (apt-get install pgbouncer, brew install pgbouncer)")
    server, port, account = urllib.parse.urlsplit(server_url), free_port(), Account.for_servers()
    with tempfile.TemporaryDirectory(prefix="saga-pgbouncer-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{server.username}" "{server.password or ""}"\n')
        (folder / "settings").write_text(
            f"[databases]\n* = host={server.hostname} port={server.port or 5432}\n"
            f"[pgbouncer]\nlisten_addr={LOOPBACK}\nlisten_port={port}\nunix_socket_dir=\npool_mode={pool_mode}\n"
            f"auth_type=trust\nauth_file={folder}/users\nmax_client_conn=500\ndefault_pool_size=20\n"
            f"ignore_startup_parameters={ignored}\n"
        )
        if account:
            for path in (folder, *folder.iterdir()):
                os.chown(path, account.uid, account.gid)
        child = Child([program, folder / "settings"], folder=folder, log=folder / "log", account=account)
        try:
            _wait_for_port(child, port)
            yield server._replace(netloc=f"{server.username}@{LOOPBACK}:{port}").geturl()
        finally:
            child.end(signal.SIGINT)


def with_database(server_url: str, name: str) -> str:
    """The URL of a database on a server."""
    return urllib.parse.urlsplit(server_url)._replace(path=f"/{name}").geturl()


async def administer(server_url: str, statement: str) -> None:
    """Runs one statement as the administrator."""
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _wait_for_port(child: Child, port: int) -> None:
    give_up_at = time.monotonic() + PGBOUNCER_START_TIMEOUT_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), 0.2):
            return
        if not child.is_running or time.monotonic() > give_up_at:
            raise RuntimeError(f"pgbouncer did not start:\n{child.log_tail()}")
        time.sleep(POLL_SECONDS)
