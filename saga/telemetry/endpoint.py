"""The one HTTP endpoint of a process: /livez, /readyz and /metrics, for probes and scrapers.

Not a web server: GET and HEAD of three paths, one request a connection, nothing kept. What is too large, too slow or no HTTP is turned
away; of more than CONNECTIONS_MAX clients at a time the newest are hung up on.
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

import structlog

from saga.errors import UsageError

HEAD_BYTES_MAX: Final = 8 * 1024
HEAD_TIMEOUT_SECONDS: Final = 5.0
ANSWER_TIMEOUT_SECONDS: Final = 10.0
CONNECTIONS_MAX: Final = 32
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
_REQUEST: Final = re.compile(rb"([A-Z]{1,10}) (/[\x21-\x7e]*) HTTP/1\.[01]\r?\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is told."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


Page = Callable[[], Awaitable[Answer]]


class Endpoint:
    """Serves pages by their paths."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._log = structlog.get_logger("saga.http")

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
        """Listen until the block ends; gives the address, with the port that was chosen where `port` is 0.

        Raises:
            UsageError: the address cannot be had.
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
            pass  # it has gone, or does not read: there is nobody to tell
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
                    return False, _refusal(HTTPStatus.BAD_REQUEST, "no HTTP/1.1 request")
                await _skip_headers(reader, HEAD_BYTES_MAX - len(line))
        except asyncio.LimitOverrunError:
            return False, _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head is too large")
        except TimeoutError:
            return False, _refusal(HTTPStatus.REQUEST_TIMEOUT, "the request did not come")
        method, target = request[1].decode(), request[2].decode()
        return method == "HEAD", await self._page(method, target.partition("?")[0])

    async def _page(self, method: str, path: str) -> Answer:
        page = self._pages.get(path)
        if page is None:
            return _refusal(HTTPStatus.NOT_FOUND, f"there is {', '.join(sorted(self._pages))}")
        if method not in ("GET", "HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET and HEAD\n", headers=(("Allow", "GET, HEAD"),))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                return await page()
        except Exception:  # noqa: BLE001 (a page that breaks must not look like a process that is well)
            self._log.exception("page broke", path=path)
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the page broke: see the log")


async def _skip_headers(reader: asyncio.StreamReader, bytes_left: int) -> None:
    """Read to the end of the head. Raises LimitOverrunError where it is longer."""
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
