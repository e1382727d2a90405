"""A connection over which one request after the other is sent. Light, so that what is measured is the server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

LINE_BYTES_MAX = 1 << 24  # an event is one line, and a long saga is a long one


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Http:
    """One connection to the API."""

    def __init__(self, link: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = urlsplit(link).netloc
        self._reader = reader
        self._writer = writer

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Reads a document."""
        self._send("GET", path, b"", headers or {})
        return await self._answer()

    async def post(self, path: str, document: object) -> Answer:
        """Sends a document."""
        self._send("POST", path, json.dumps(document).encode(), {"Content-Type": "application/json"})
        return await self._answer()

    async def events(
        self, path: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[tuple[float, str, bytes]]:
        """Yields server-sent events until the server ends the stream: when each was received (Unix time), its name and its JSON."""
        self._send("GET", path, b"", headers or {})
        status, _ = await self._head()
        if status != 200:
            raise RuntimeError(f"{path} answers {status}")
        name = ""
        while line := await self._reader.readline():
            word, _, value = line.rstrip(b"\r\n").partition(b": ")
            if word == b"event":
                name = value.decode()
            elif word == b"data":
                yield time.time(), name, value

    def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        named = {"Host": self._host, "Content-Length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)

    async def _head(self) -> tuple[int, dict[str, str]]:
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines if line)
        return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}

    async def _answer(self) -> Answer:
        status, headers = await self._head()
        return Answer(status, headers, await self._reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def connected(link: str) -> AsyncIterator[Http]:
    """A new connection to this address."""
    place = urlsplit(link)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, limit=LINE_BYTES_MAX)
    try:
        yield Http(link, reader, writer)
    finally:
        writer.close()
