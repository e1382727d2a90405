"""A PostgreSQL server for `saga dev`, for tests and for first steps, without Docker or any set-up."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from saga.errors import Unavailable, UsageError
from saga_postgres.embedded.child import LOOPBACK, PORTS, Account, Child, free_port, run_as
from saga_postgres.embedded.installation import Installation, choose

ROLE = "saga"
START_TIMEOUT_SECONDS = 60.0  # recovery after a crash included
PREDECESSOR_TIMEOUT_SECONDS = 10.0  # until the backends of a killed postmaster have ended
POLL_SECONDS = 0.01
CONNECTIONS_MAX = 200
NOT_DURABLE: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
)
"""Settings for tests that discard their data. Not for tests of durability."""

_PORT_TAKEN = "could not bind"
_PREDECESSOR_ALIVE = ("pre-existing shared memory block", "postmaster.pid")


class EmbeddedPostgres:
    """One server on a loopback port, with a role, a password and a data folder of its own. A folder keeps its port, while it is free.

    Durable unless the settings say otherwise. Without a folder the data lives in a temporary one until `close`. As root
    the server runs under an unprivileged account. On Linux it ends with the thread that started it.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        installation: Installation | None = None,
    ) -> None:
        self._account = Account.for_servers()
        self._is_temporary = folder is None
        self.folder = (folder or Path(tempfile.mkdtemp(prefix="saga-postgres-"))).resolve()
        self._installation = installation
        self._port = port
        self._may_choose_port = port is None
        self._settings = {"listen_addresses": LOOPBACK, "max_connections": str(CONNECTIONS_MAX)} | dict(settings or {})
        self._child: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"postgresql://{ROLE}:{self.password}@{LOOPBACK}:{self.port}/postgres"

    @property
    def port(self) -> int:
        if self._port is None:
            raise UsageError("the embedded PostgreSQL has no port before it is started")
        return self._port

    @property
    def password(self) -> str:
        return self._password_file.read_text().strip()

    @property
    def pid(self) -> int | None:
        """The postmaster's, while it runs."""
        return self._child.pid if self._child and self._child.is_running else None

    def start(self) -> None:
        """Starts the server and waits until it accepts connections; after any kind of end it starts again on the same port.

        Raises:
            MissingDriver: there is no PostgreSQL on this machine.
            UsageError: the server's account cannot use the folder.
            Unavailable: the server ends at once, or is not ready in time; the message has its log.
        """
        if self.pid:
            return
        began_at = time.monotonic()
        programs = self._prepared()
        self._port = self._port or self._last_port() or free_port()
        while not self._answers(child := self._spawned(programs), began_at + START_TIMEOUT_SECONDS):
            self._check_retry(child.log_tail(), time.monotonic() - began_at)
            time.sleep(POLL_SECONDS)
        self._child = child
        self._may_choose_port = False
        self._port_file.write_text(f"{self._port}\n")

    def stop(self) -> None:
        """Ends the server in good order: clients are disconnected, and nothing needs recovery."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Ends the server and all its backends at once; the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """Kills the postmaster as the kernel would: its backends notice within a moment and end by themselves."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stops the server, and removes the data if the folder was temporary."""
        self.stop()
        if self._is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _password_file(self) -> Path:
        return self.folder / "password"

    @property
    def _port_file(self) -> Path:
        return self.folder / "port"

    def _last_port(self) -> int | None:
        """The port of the last start in this folder, so that the URLs that people have copied stay right."""
        with contextlib.suppress(OSError, ValueError):
            port = int(self._port_file.read_text())
            return port if port in PORTS else None
        return None

    def _end(self, signal_: signal.Signals) -> None:
        if self._child:
            self._child.end(signal_)

    def _prepared(self) -> Installation:
        """Makes sure that the data folder exists and belongs to the account; returns programs that can read it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        version = self._data / "PG_VERSION"
        installation = self._installation or choose(int(version.read_text()) if version.exists() else None)
        if self._account:
            os.chown(self.folder, self._account.uid, self._account.gid)
            if run_as(self._account, ["test", "-w", self.folder], Path("/")).returncode:
                raise UsageError(
                    f"PostgreSQL refuses to run as root, and the account {self._account.name} cannot reach "
                    f"{self.folder}: choose a folder that it can reach, /var/lib/saga for example"
                )
        programs = installation.usable_by(self._account, self.folder)
        if not version.exists():
            self._initialise(programs)
        return programs

    def _initialise(self, programs: Installation) -> None:
        """Creates the data folder, whole or not at all: it gets its name when it is ready."""
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24) + "\n")
        if self._account:
            os.chown(self._password_file, self._account.uid, self._account.gid)
        argv: list[str | Path] = [programs.folder / "initdb", "--no-locale", "-E", "UTF8", "-D", unfinished, "-U", ROLE]
        argv += ["-A", "scram-sha-256", f"--pwfile={self._password_file}"]
        argv += ["--no-sync"] if self._settings.get("fsync") == "off" else []
        done = run_as(self._account, argv, self.folder)
        if done.returncode:
            raise Unavailable(f"initdb failed:\n{done.stderr.strip()}")
        unfinished.rename(self._data)

    def _spawned(self, programs: Installation) -> Child:
        argv: list[str | Path] = [programs.folder / "postgres", "-D", self._data, "-p", str(self._port)]
        for name, value in ({"unix_socket_directories": ""} | self._settings).items():
            argv += ["-c", f"{name}={value}"]
        return Child(argv, folder=self.folder, log=self.folder / "log", account=self._account)

    def _answers(self, child: Child, give_up_at: float) -> bool:
        """Waits until the server accepts connections (True) or has ended (False)."""
        while not self._is_ready(child):
            if not child.is_running:
                return False
            if time.monotonic() > give_up_at:
                child.end(signal.SIGQUIT)
                raise Unavailable(f"PostgreSQL not ready in {START_TIMEOUT_SECONDS} s:\n{child.log_tail()}")
            time.sleep(POLL_SECONDS)
        return True

    def _is_ready(self, child: Child) -> bool:
        """The check of pg_ctl: the last word of postmaster.pid, if its first one is the id of this child."""
        with contextlib.suppress(FileNotFoundError, IndexError):  # being written just now
            lines = (self._data / "postmaster.pid").read_text().split()
            return lines[0] == str(child.pid) and lines[-1] == "ready"
        return False

    def _check_retry(self, log: str, tried_seconds: float) -> None:
        """Returns if another attempt may succeed; otherwise raises Unavailable with the log of the server."""
        if self._may_choose_port and _PORT_TAKEN in log:
            self._port = free_port()
        elif tried_seconds > PREDECESSOR_TIMEOUT_SECONDS or not any(sign in log for sign in _PREDECESSOR_ALIVE):
            raise Unavailable(f"PostgreSQL did not start:\n{log}")
