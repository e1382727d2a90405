"""A faulty network: a TCP proxy on loopback in front of a real server.

Held data arrives after `release`, as after a real outage, or never if the connections are cut. The end of a connection is held too: a
server does not learn that its client has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
import threading
import urllib.parse
from collections.abc import Coroutine
from types import TracebackType
from typing import Self, TypeVar

import uvloop

from saga_postgres.embedded.child import LOOPBACK, free_port

CHUNK_BYTES = 65_536
CALL_SECONDS = 10.0
CONNECTIONS_WAITING_MAX = 1_024
RESET = struct.pack("ii", 1, 0)  # SO_LINGER for 0 s: closing sends RST

Answer = TypeVar("Answer")


class Direction(enum.Enum):
    """A direction of data."""

    TO_SERVER = "to server"
    TO_CLIENT = "to client"


BOTH = (Direction.TO_SERVER, Direction.TO_CLIENT)


class Proxy:
    """Forwards everything, unless told otherwise, on a thread of its own. Call its methods from any other thread.

    The address never changes, even while it refuses connections.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.port = free_port()
        self._loop = uvloop.new_event_loop()  # fast, since it runs beside what is measured
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {self.port}", daemon=True)
        self._listener: asyncio.Server | None = None
        self._links: dict[_Link, asyncio.Task[None]] = {}
        self._gates = {way: asyncio.Event() for way in BOTH}
        self._delay_seconds = 0.0
        self._fatal_words: bytes | None = None
        self._lost_answers = 0

    @classmethod
    def before(cls, url: str) -> Proxy:
        """A proxy in front of the server of a URL, which must have host and port."""
        parts = urllib.parse.urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError("a proxy needs a URL with host and port")
        return cls(parts.hostname, parts.port)

    def through(self, url: str) -> str:
        """The same URL through this proxy."""
        parts = urllib.parse.urlsplit(url)
        account, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{account}{at}{LOOPBACK}:{self.port}").geturl()

    def lead_to(self, url: str) -> None:
        """Leads new connections to another server. Open connections stay where they are."""
        parts = urllib.parse.urlsplit(url)
        self._target = parts.hostname or LOOPBACK, parts.port or self._target[1]

    def __enter__(self) -> Self:
        self._thread.start()
        self.heal()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    @property
    def connections(self) -> int:
        """The number of connected clients."""
        return len(self._links)

    @property
    def held_bytes(self) -> int:
        """The bytes that were read and not forwarded, without those in the buffers of the kernel."""
        return sum(link.held_bytes for link in [*self._links])

    @property
    def lost_answers(self) -> int:
        """The number of connections that `lose_answers_to` has cut."""
        return self._lost_answers

    def hold(self, *directions: Direction) -> None:
        """Holds all data in these directions, on open and new connections. In both directions it is a black hole."""
        self._call(self._set_gates({direction: direction not in (directions or BOTH) for direction in BOTH}))

    def release(self) -> None:
        """Forwards everything again, held data first."""
        self._call(self._set_gates(dict.fromkeys(BOTH, True)))

    def cut(self) -> int:
        """Resets every connection, and drops held data. Returns the number of connections."""
        return self._call(self._cut())

    def refuse(self) -> None:
        """Refuses new connections. Open connections stay."""
        self._call(self._refuse())

    def accept(self) -> None:
        """Accepts new connections again."""
        self._call(self._listen())

    def delay(self, seconds: float) -> None:
        """Delays all data by this long, in both directions."""
        self._delay_seconds = seconds

    def lose_answers_to(self, words: bytes | None) -> None:
        """Cuts a connection when the server answers a request that contains these words: it is served, and the answer is lost."""
        self._fatal_words = words

    def heal(self) -> None:
        """Ends every fault. Cut connections stay cut."""
        self.delay(0)
        self.lose_answers_to(None)
        self.release()
        self.accept()

    def _call(self, claim: Coroutine[None, None, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(claim, self._loop).result(CALL_SECONDS)

    async def _set_gates(self, open_ways: dict[Direction, bool]) -> None:
        for way, is_open in open_ways.items():
            if is_open:
                self._gates[way].set()
            else:
                self._gates[way].clear()

    async def _cut(self) -> int:
        links = [*self._links.items()]
        for link, task in links:
            link.reset()
            task.cancel()
        await asyncio.gather(*(task for _, task in links), return_exceptions=True)
        return len(links)

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(
                self._connected, LOOPBACK, self.port, backlog=CONNECTIONS_WAITING_MAX
            )

    async def _end(self) -> None:
        await self._refuse()
        await self._cut()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one client until one of the ends has gone and the other has been told."""
        link = _Link(writer)
        task = asyncio.current_task()
        assert task is not None
        self._links[link] = task
        try:
            await self._serve(link, reader, writer)
        except asyncio.CancelledError:  # cut; the stream server would report it as an error
            pass
        finally:
            del self._links[link]
            link.close()

    async def _serve(self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(*self._target)
            link.ends.append(to_server)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._pass_on(link, reader, to_server, Direction.TO_SERVER))
                ways.create_task(self._pass_on(link, from_server, writer, Direction.TO_CLIENT))
        except* OSError:
            link.reset()

    async def _pass_on(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction
    ) -> None:
        while True:
            chunk = await reader.read(CHUNK_BYTES)
            link.held_bytes += len(chunk)
            if self._delay_seconds:
                await asyncio.sleep(self._delay_seconds)
            await self._gates[way].wait()
            link.held_bytes -= len(chunk)
            if way is Direction.TO_CLIENT and link.is_doomed:
                self._lost_answers += 1
                raise ConnectionResetError
            if way is Direction.TO_SERVER and self._fatal_words is not None and self._fatal_words in chunk:
                link.is_doomed = True
            if not chunk:
                break
            if writer.is_closing():
                raise ConnectionResetError
            writer.write(chunk)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


class _Link:
    """The connection of a client, and its connection to the server."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.ends = [writer]
        self.held_bytes = 0
        self.is_doomed = False

    def reset(self) -> None:
        for end in self.ends:
            if not end.transport.is_closing():
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            end.transport.abort()

    def close(self) -> None:
        for end in self.ends:
            end.close()
