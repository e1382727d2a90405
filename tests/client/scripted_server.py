"""A server that answers as a test says: a proxy, another server, or an API of another build."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

ME = {"now": "2026-01-31T12:00:00.000Z", "name": "ann", "role": "admin", "version": "9"}


@dataclass
class ScriptedServer:
    """`answers` are given in their order, then `last`. `requests`: the first line of each request that came."""

    link: str = ""
    answers: list[bytes] = field(default_factory=list)
    last: bytes = b""
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head.partition(" HTTP")[0])
            writer.write(self.answers.pop(0) if self.answers else self.last)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def answer(status: int, body: object, *headers: str, kind: str = "application/json") -> bytes:
    """An answer with this body: a document as JSON, or a text."""
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(text)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", text]).encode()


@asynccontextmanager
async def scripted(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """A server whose last answer is repeated."""
    found = ScriptedServer(answers=list(answers[:-1]), last=answers[-1])
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found.link = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"
        yield found
