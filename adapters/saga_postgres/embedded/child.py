"""A server as a child process, with its account, port and log."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Below the ephemeral range, so that no outgoing connection takes a port between the check and the bind."""
PORT_ATTEMPTS_MAX = 100
STOP_TIMEOUT_SECONDS = 20.0
LOG_TAIL_BYTES = 2_000
ACCOUNTS = ("postgres", "nobody")  # existing ones, in order of preference; none is ever created
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Account:
    """An unprivileged account of this machine. Database servers refuse to run as root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def for_servers(cls) -> Self | None:
        """The account for servers; None if this process is unprivileged itself."""
        if os.geteuid():
            return None
        for name in ACCOUNTS:
            with contextlib.suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(name, entry.pw_uid, entry.pw_gid)
        raise LookupError(
            f"none of the accounts {', '.join(ACCOUNTS)} exists; a database server refuses to run as root"
        )


def run_as(account: Account | None, argv: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a short command to its end in a folder and under an account."""
    return subprocess.run(  # noqa: S603 - no shell, and every caller passes a fixed program
        argv,
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def environment() -> dict[str, str]:
    """The environment without PG* settings, which are for clients, and with English messages, which are parsed."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def free_port() -> int:
    """A loopback port that is free now. Another process may still take it first: be ready to ask again."""
    for _ in range(PORT_ATTEMPTS_MAX):
        port = secrets.choice(PORTS)
        with contextlib.suppress(OSError), socket.socket() as candidate:
            candidate.bind((LOOPBACK, port))
            return port
    raise OSError(f"no free port on {LOOPBACK} in {PORTS.start}-{PORTS.stop - 1}")


class Child:
    """One running server.

    On Linux it ends with the thread that started it, so that a killed parent leaves nothing behind: start it from the
    main thread. It has a session of its own: a Ctrl-C in the terminal reaches the parent only.
    """

    def __init__(self, argv: Sequence[str | Path], *, folder: Path, log: Path, account: Account | None) -> None:
        self._log = log
        self._log_start_bytes = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - no shell, and every caller passes a fixed program
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment(),
                start_new_session=True,
                preexec_fn=_end_with_parent if _libc else None,  # noqa: PLW1509 - one system call, and no lock is taken
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def end(self, signal_: signal.Signals, *, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        """Sends a signal and waits for the end; a server that ignores it is killed."""
        if not self.is_running:
            return
        self._process.send_signal(signal_)
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        """The last lines that this run of the server has written."""
        written = self._log.read_bytes()[self._log_start_bytes :]
        return written[-LOG_TAIL_BYTES:].decode(errors="replace").strip()


def _end_with_parent() -> None:  # after the change of account, which would reset it
    if _libc:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)  # to Postgres: end now, and cleanly
