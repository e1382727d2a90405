"""Start a throw-away but fully durable Postgres for one benchmark."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

# What a benchmark of durable work must not be without; read back from the running server.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

# Room for both sides' pools. Everything else is as Postgres ships, for both sides alike.
SETTINGS = {**DURABLE, "max_connections": "200", "max_wal_size": "4GB"}


class NotDurable(RuntimeError):
    """The server would lose acknowledged commits, so its figures would be worthless."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running Postgres: where it listens and how it says it is configured."""

    host: str
    port: int
    user: str
    version: str
    settings: dict[str, str]

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{database}"

    def fresh(self, database: str) -> str:
        """Create an empty database of this name, dropping an older one; return its URL."""
        name = sql.Identifier(database)
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            connection.execute(sql.SQL("create database {}").format(name))
        return self.url(database)


@contextmanager
def durable_postgres() -> Iterator[Server]:
    """Run a new cluster on a free loopback port; stop and remove it at the end.

    Raises:
        NotDurable: the running server does not report the settings it was given.
    """
    home = Path(tempfile.mkdtemp(prefix="saga-bench-"))
    account = _account()
    if account is not None:
        shutil.chown(home, account)
    data, port = home / "data", _free_port()
    try:
        initdb = ["initdb", "-D", str(data), "-U", "bench", "--auth=trust", "--encoding=UTF8"]
        _run([*initdb, "--locale=C"], account)
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        listen = f"-p {port} -c listen_addresses=127.0.0.1 -k {home}"
        start = ["pg_ctl", "-D", str(data), "-l", str(home / "log"), "-w"]
        _run([*start, "-o", f"{listen} {options}", "start"], account)
        try:
            yield read_back("127.0.0.1", port, "bench")
        finally:
            _run(["pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop"], account)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def read_back(host: str, port: int, user: str) -> Server:
    """Ask the server itself what it is, and refuse one that is not durable."""
    with psycopg.connect(host=host, port=port, user=user, dbname="postgres") as connection:
        version = str(connection.info.parameter_status("server_version"))
        rows = connection.execute("select name, setting from pg_settings").fetchall()
    reported = {str(name): str(setting) for name, setting in rows}
    settings = {name: reported[name] for name in SETTINGS}
    wrong = {name: settings[name] for name, value in DURABLE.items() if settings[name] != value}
    if wrong:
        raise NotDurable(f"{host}:{port} reports {wrong}, wanted {DURABLE}")
    return Server(host, port, user, version, settings)


def _account() -> str | None:
    """Postgres refuses to run as root; its package brings an account of its own."""
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam("postgres").pw_name


def _run(command: list[str], account: str | None) -> None:
    # pg_ctl hands its output to the server it starts, so a pipe here would never close.
    tool = [str(_binaries() / command[0]), *command[1:]]
    subprocess.run(tool, check=True, user=account, cwd="/", stdout=subprocess.DEVNULL)


def _binaries() -> Path:
    """Prefer the newest packaged server, else whatever the path offers."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if packaged:
        return packaged[-1]
    found = shutil.which("initdb")
    if found is None:
        raise FileNotFoundError("no Postgres server binaries: install the postgresql package")
    return Path(found).parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
