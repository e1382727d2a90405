"""The one HTTP endpoint of a process: /livez, /readyz and /metrics, for probes and scrapers.

It is not a web server: it answers GET and HEAD on a few paths, one request per connection. Requests that are too large, too slow or
not HTTP are refused; beyond CONNECTIONS_MAX clients at a time new connections are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from saga.errors import UsageError
from saga.logger import get_logger

HEAD_BYTES_MAX: Final = 8 * 1024
HEAD_TIMEOUT_SECONDS: Final = 5.0
ANSWER_TIMEOUT_SECONDS: Final = 10.0
CONNECTIONS_MAX: Final = 32
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
_REQUEST: Final = re.compile(rb"([A-Z]{1,10}) (/[\x21-\x7e]*) HTTP/1\.[01]\r?\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


Page = Callable[[], Awaitable[Answer]]


class Endpoint:
    """Serves pages by path."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._log = get_logger("saga.http")

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
        """Listen until the block ends; yields the address, with the port that the system selected if `port` is 0.

        Raises:
            UsageError: the address is not available.
        """
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(tasks) >= CONNECTIONS_MAX:
                writer.transport.abort()
                return
            task = asyncio.ensure_future(self._serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        try:
            server = await asyncio.start_server(accept, host, port, limit=HEAD_BYTES_MAX)
        except OSError as error:
            raise UsageError(f"http: cannot listen on {host}:{port}: {error.strerror or error}") from error
        name = server.sockets[0].getsockname()
        self._log.info("listening", address=f"{name[0]}:{name[1]}", pages=sorted(self._pages))
        try:
            yield name[0], name[1]
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_SECONDS + ANSWER_TIMEOUT_SECONDS):
                is_head, answer = await self._answer(reader)
                writer.write(_encoded(answer, is_head=is_head))
                await writer.drain()
        except (OSError, TimeoutError, EOFError):
            pass  # the client has gone, or does not read
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[bool, Answer]:
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_SECONDS):
                line = await reader.readuntil(b"\n")
                request = _REQUEST.fullmatch(line)
                if request is None:
                    return False, _refusal(HTTPStatus.BAD_REQUEST, "not an HTTP/1.1 request")
                await _skip_headers(reader, HEAD_BYTES_MAX - len(line))
        except asyncio.LimitOverrunError:
            return False, _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too large")
        except TimeoutError:
            return False, _refusal(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time")
        method, target = request[1].decode(), request[2].decode()
        return method == "HEAD", await self._page(method, target.partition("?")[0])

    async def _page(self, method: str, path: str) -> Answer:
        page = self._pages.get(path)
        if page is None:
            return _refusal(HTTPStatus.NOT_FOUND, f"not found; the pages are {', '.join(sorted(self._pages))}")
        if method not in ("GET", "HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET and HEAD\n", headers=(("Allow", "GET, HEAD"),))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                return await page()
        except Exception:  # noqa: BLE001 (a broken page must not look like a healthy process)
            self._log.exception("page failed", path=path)
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the page failed: see the log")


async def _skip_headers(reader: asyncio.StreamReader, bytes_left: int) -> None:
    """Read to the end of the head. Raises LimitOverrunError if it is longer than `bytes_left`."""
    while (line := await reader.readuntil(b"\n")) not in (b"\r\n", b"\n"):
        bytes_left -= len(line)
        if bytes_left < 0:
            raise asyncio.LimitOverrunError("too many headers", 0)


def _refusal(status: HTTPStatus, why: str) -> Answer:
    return Answer(status, f"{why}\n".encode())


def _encoded(answer: Answer, *, is_head: bool) -> bytes:
    headers = (
        ("Content-Type", answer.content_type),
        ("Content-Length", str(len(answer.body))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
        *answer.headers,
    )
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}", *(f"{k}: {v}" for k, v in headers)]
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if is_head else answer.body)


def json_answer(status: HTTPStatus, document: Mapping[str, object]) -> Answer:
    """A JSON object as an answer."""
    return Answer(status, json.dumps(document).encode() + b"\n", JSON)
