"""A direct line between the processes of one machine and one user: what a commit tells goes straight to the process that it concerns.

For each notification PostgreSQL wakes every listening session of the database, and most of them for nothing. Between two processes that can
open the same socket there is a shorter way. It is only a way: whoever cannot be reached by it is notified.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

HEAD_BYTES: Final = 8  # the length of what follows, and the number of the process that it is for
FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
UNSENT_BYTES_MAX: Final = 1024 * 1024  # who has so much to read, and does not, is notified instead
STALE_SECONDS: Final = 60.0  # a socket of that age on which nobody listens was left behind by somebody who was killed
BACKLOG: Final = 128

Hear = Callable[[int, bytes], None]

_log = logging.getLogger(__name__)


class LocalSocket:
    """One per process: a socket on which others tell it something, and connections to theirs.

    The sockets are in a folder that nobody but this user (and root) can enter, so that who is heard could read our memory as well. What is
    sent arrives whole, once and in order, unless one of the two processes ends before.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._door: str | None = None
        self._wires: dict[int, _Wire] = {}
        self._heard: set[asyncio.BaseTransport] = set()  # connections of others to us

    async def open(self, hear: Hear) -> str | None:
        """Listen; returns the door, a path that others need. None: there can be no such socket here."""
        if self._door is None and sys.platform != "win32":
            try:
                self._server, self._door = await self._listen(hear)
            except OSError as error:
                _log.info("no direct line, this process is notified instead: %s", error)
        return self._door

    async def _listen(self, hear: Hear) -> tuple[asyncio.Server, str]:
        folder = self._folder or Path(tempfile.gettempdir()) / f"saga-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_private(folder):
            raise PermissionError(f"{folder} belongs to somebody else, or others may enter it")
        _sweep(folder)
        door = str(folder / f"{_clock()}-{os.getpid()}-{secrets.token_hex(8)}")
        loop = asyncio.get_running_loop()
        return await loop.create_unix_server(partial(_Ear, hear, self._heard), door, backlog=BACKLOG), door

    def meet(self, doors: Mapping[int, str]) -> None:
        """These processes are alive now, each behind its door. Those that can be reached are, from here on."""
        for process in self._wires.keys() - doors.keys():
            self._wires.pop(process).close()
        for process, door in doors.items():
            if process not in self._wires:
                with suppress(OSError):  # of another machine or user, or it has just ended
                    self._wires[process] = _Wire(door)

    def reaches(self, process: int) -> bool:
        return process in self._wires

    def send(self, process: int, said: bytes) -> bool:
        """Tell a process something; False if it is not to be reached (any more)."""
        wire = self._wires.get(process)
        if wire is None:
            return False
        try:
            return wire.send(len(said).to_bytes(4) + process.to_bytes(4) + said)
        except OSError:
            self._wires.pop(process).close()
            return False

    def close(self) -> None:
        """Hear and tell nothing any more."""
        self.meet({})
        for transport in self._heard:
            transport.close()
        if self._server is not None and self._door is not None:
            self._server.close()
            Path(self._door).unlink(missing_ok=True)
        self._server = self._door = None


class _Wire:
    """A connection to another process."""

    def __init__(self, door: str) -> None:
        path = Path(door)
        if not _is_private(path.parent) or path.name.partition("-")[0] != _clock():
            raise PermissionError(f"{door} is not for us")
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(0)
            self._socket.connect(door)
        except OSError:
            self._socket.close()
            raise

    def send(self, frame: bytes) -> bool:
        """At once, without the detour of a transport, which writes when the loop comes round. Raises OSError."""
        if self._unsent:
            is_room = len(self._unsent) + len(frame) <= UNSENT_BYTES_MAX
            if is_room:
                self._unsent += frame
            return is_room
        try:
            sent = self._socket.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            self._unsent += frame[sent:]
            self._loop.add_writer(self._socket, self._send_on)
        return True

    def _send_on(self) -> None:
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:  # it has ended, and what it was told with it
            self._unsent.clear()
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    def close(self) -> None:
        self._loop.remove_writer(self._socket)
        self._socket.close()


class _Ear(asyncio.Protocol):
    """What one other process sends, cut into what it said at a time."""

    def __init__(self, hear: Hear, heard: set[asyncio.BaseTransport]) -> None:
        self._hear = hear
        self._heard = heard
        self._rest = b""
        self._transport: asyncio.BaseTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._heard.add(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._heard.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        begin, here = 0, len(data)
        while here - begin >= HEAD_BYTES:
            body = begin + HEAD_BYTES
            length = int.from_bytes(data[begin : begin + 4])
            if length > FRAME_BYTES_MAX:
                self._refuse()
                return
            if here - body < length:
                break
            self._hear(int.from_bytes(data[begin + 4 : body]), data[body : body + length])
            begin = body + length
        self._rest = data[begin:]

    def _refuse(self) -> None:
        _log.warning("what came on the direct line was not from Saga; that connection is closed")
        self._rest = b""
        self._transport.close()


def _is_private(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _clock() -> str:
    """Of which processes the monotonic clock is the same as ours: all of the machine, but for containers with a time of their own."""
    try:
        return str(Path("/proc/self/ns/time").readlink()).strip("time:[]")
    except OSError:  # not on Linux, or an old one
        return "0"


def _sweep(folder: Path) -> None:
    """Remove the sockets of those who could not do it themselves any more."""
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > STALE_SECONDS and not _is_listened_to(path):
                path.unlink()


def _is_listened_to(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(0)
        return asked.connect_ex(str(path)) != errno.ECONNREFUSED
