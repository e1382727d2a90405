"""Local sockets: processes of one machine and one user notify each other over Unix sockets.

For each notification PostgreSQL wakes every listening session of the database, most of them for nothing. Two processes that can open the
same socket have a shorter way. Nothing depends on it: a process that cannot be reached over it is notified through the database.
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

HEAD_BYTES: Final = 8  # the length of the data that follows, and the number of the process that it is for
FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
UNSENT_BYTES_MAX: Final = 1024 * 1024  # a process that leaves more than this unread is notified through the database
STALE_SECONDS: Final = 60.0  # a socket of this age on which no process listens was left behind by one that was killed
BACKLOG: Final = 128

Receive = Callable[[int, bytes], None]
"""Gets the number of the process that a frame is for, and its data."""

_log = logging.getLogger(__name__)


class LocalSocket:
    """One per process: a socket on which its peers notify it, and connections to theirs.

    The sockets are in a folder that only this user (and root) can enter: a process that can send to us could read our memory as well. A
    frame arrives whole, once and in order, unless one of the two processes ends before.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._server: asyncio.Server | None = None
        self._path: str | None = None
        self._peers: dict[int, _PeerConnection] = {}
        self._incoming: set[asyncio.BaseTransport] = set()  # connections of peers to us

    async def open(self, receive: Receive) -> str | None:
        """Listens, and returns the path to which peers connect. None: this process cannot have such a socket."""
        if self._path is None and sys.platform != "win32":
            try:
                self._server, self._path = await self._listen(receive)
            except OSError as error:
                _log.info("no local socket, this process is notified through the database only: %s", error)
        return self._path

    async def _listen(self, receive: Receive) -> tuple[asyncio.Server, str]:
        folder = self._folder or Path(tempfile.gettempdir()) / f"saga-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_private(folder):
            raise PermissionError(f"{folder} belongs to another user, or other users may enter it")
        _sweep(folder)
        path = str(folder / f"{_clock()}-{os.getpid()}-{secrets.token_hex(8)}")
        loop = asyncio.get_running_loop()
        return await loop.create_unix_server(partial(_Incoming, receive, self), path, backlog=BACKLOG), path

    def connect_peers(self, paths: Mapping[int, str]) -> None:
        """Connects to these processes, where that is possible, and disconnects from all others."""
        for process in self._peers.keys() - paths.keys():
            self._peers.pop(process).close()
        for process, path in paths.items():
            if process not in self._peers:
                with suppress(OSError):  # of another machine or user, or it has just ended
                    self._peers[process] = _PeerConnection(path)

    def reaches(self, process: int) -> bool:
        return process in self._peers

    def send(self, process: int, data: bytes) -> bool:
        """Sends a frame; False if the process cannot be reached."""
        peer = self._peers.get(process)
        if peer is None:
            return False
        try:
            return peer.send(len(data).to_bytes(4) + process.to_bytes(4) + data)
        except OSError:
            self._peers.pop(process).close()
            return False

    def admit(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the connection of a peer. One that was accepted while the socket was closed is closed, too."""
        if self._server is None:
            transport.close()
        else:
            self._incoming.add(transport)

    def forget(self, transport: asyncio.BaseTransport) -> None:
        """The connection of a peer has ended."""
        self._incoming.discard(transport)

    def close(self) -> None:
        """Closes the socket and all connections."""
        self.connect_peers({})
        for transport in self._incoming:
            transport.close()
        if self._server is not None and self._path is not None:
            self._server.close()
            Path(self._path).unlink(missing_ok=True)
        self._server = self._path = None


class _PeerConnection:
    """A connection to the socket of a peer."""

    def __init__(self, path: str) -> None:
        file = Path(path)
        if not _is_private(file.parent) or file.name.partition("-")[0] != _clock():
            raise PermissionError(f"{path} belongs to another user, or to a process with another clock")
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(0)
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def send(self, frame: bytes) -> bool:
        """Sends at once: a transport would wait for the next turn of the loop. False: too much is unsent. Raises OSError."""
        if self._unsent:
            has_room = len(self._unsent) + len(frame) <= UNSENT_BYTES_MAX
            if has_room:
                self._unsent += frame
            return has_room
        try:
            sent = self._socket.send(frame)
        except BlockingIOError:
            sent = 0
        if sent < len(frame):
            self._unsent += frame[sent:]
            self._loop.add_writer(self._socket, self._send_rest)
        return True

    def _send_rest(self) -> None:
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:  # the peer has ended
            self._unsent.clear()
        if not self._unsent:
            self._loop.remove_writer(self._socket)

    def close(self) -> None:
        self._loop.remove_writer(self._socket)
        self._socket.close()


class _Incoming(asyncio.Protocol):
    """The connection of a peer to us, cut into frames."""

    def __init__(self, receive: Receive, local_socket: LocalSocket) -> None:
        self._receive = receive
        self._local_socket = local_socket
        self._rest = b""
        self._transport: asyncio.BaseTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._local_socket.admit(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._local_socket.forget(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        begin, end = 0, len(data)
        while end - begin >= HEAD_BYTES:
            body = begin + HEAD_BYTES
            length = int.from_bytes(data[begin : begin + 4])
            if length > FRAME_BYTES_MAX:
                self._refuse()
                return
            if end - body < length:
                break
            self._receive(int.from_bytes(data[begin + 4 : body]), data[body : body + length])
            begin = body + length
        self._rest = data[begin:]

    def _refuse(self) -> None:
        _log.warning("closed a connection to the local socket: the peer is not a process of Saga")
        self._rest = b""
        self._transport.close()


def _is_private(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _clock() -> str:
    """Names the monotonic clock: processes of one machine share it, except containers with a time namespace of their own."""
    try:
        return str(Path("/proc/self/ns/time").readlink()).strip("time:[]")
    except OSError:  # not Linux, or an old version of it
        return "0"


def _sweep(folder: Path) -> None:
    """Removes the sockets of processes that were killed."""
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > STALE_SECONDS and not _is_listened_to(path):
                path.unlink()


def _is_listened_to(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        return probe.connect_ex(str(path)) != errno.ECONNREFUSED
