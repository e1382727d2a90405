"""Counts the messages on the wire: a proxy before PostgreSQL that reads its answers.

One ReadyForQuery ends one round trip, and one CommandComplete one statement, for every driver and with any pipelining. The
proxy costs time, so runs that are counted are never timed.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

CHUNK_BYTES = 1 << 16
# Both ask for encryption before anything else; the proxy refuses in the server's place.
ENCRYPTION_REQUESTS = (80877103, 80877104)
READY_FOR_QUERY = ord("Z")
# An empty statement counts as a statement.
STATEMENT_ENDS = (ord("C"), ord("I"))


@dataclass(slots=True)
class Wire:
    """The counts so far; read them after the clients have disconnected."""

    url: str
    round_trips: int = 0
    statements: int = 0

    def ended(self, kind: int) -> None:
        self.round_trips += kind == READY_FOR_QUERY
        self.statements += kind in STATEMENT_ENDS


@contextmanager
def counted(url: str) -> Iterator[Wire]:
    """Serves the server of this URL under another URL, and counts."""
    loop = asyncio.new_event_loop()
    wire = Wire(url)
    server = loop.run_until_complete(_serve(wire))
    thread = threading.Thread(target=loop.run_forever, name="wire")
    thread.start()
    try:
        yield wire
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.run_until_complete(_cancel_rest())
        loop.close()


async def _serve(wire: Wire) -> asyncio.Server:
    target = urlsplit(wire.url)
    if target.port is None:
        raise ValueError("the URL must name a port")

    async def handle(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            asyncio.CancelledError
        ):  # the end of the connection, which streams would report as an error
            await carry(client, to_client)

    async def carry(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(target.hostname, target.port)
        try:
            to_server.write(await _startup(client, to_client))
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(client, to_server))
                pumps.create_task(_pump_answers(server, to_client, wire))
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass  # a client that was killed, or a server that ended: nothing to count
        finally:
            to_client.close()
            to_server.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    account = target.netloc.rpartition("@")[0]
    wire.url = target._replace(netloc=f"{account}@127.0.0.1:{port}").geturl()
    return server


async def _startup(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> bytes:
    """Refuses encryption, and returns the first packet that is meant for the server."""
    while True:
        head = await client.readexactly(8)
        length, code = struct.unpack("!II", head)
        if code not in ENCRYPTION_REQUESTS:
            return head + await client.readexactly(length - 8)
        to_client.write(b"N")


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(CHUNK_BYTES):
        sink.write(chunk)
        await sink.drain()
    sink.close()


async def _pump_answers(source: asyncio.StreamReader, sink: asyncio.StreamWriter, wire: Wire) -> None:
    rest = b""
    while chunk := await source.read(CHUNK_BYTES):
        sink.write(chunk)
        rest = _count(rest + chunk, wire)
        await sink.drain()
    sink.close()


def _count(stream: bytes, wire: Wire) -> bytes:
    """Counts the whole messages at the head of the stream; returns what is left."""
    at = 0
    while len(stream) - at >= 5:
        kind, length = struct.unpack_from("!BI", stream, at)
        if len(stream) - at < length + 1:
            break
        wire.ended(kind)
        at += length + 1
    return stream[at:]


async def _cancel_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
