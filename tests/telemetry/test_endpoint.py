"""The endpoint with clients that are well-behaved, slow, numerous, or do not speak HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest

from saga.errors import UsageError
from saga.telemetry import endpoint
from saga.telemetry.endpoint import CONNECTIONS_MAX, HEAD_BYTES_MAX, Answer, Endpoint
from tests.runtime.world import until

ANSWER_SECONDS = 20.0
Address = tuple[str, int]


async def hello() -> Answer:
    return Answer(HTTPStatus.OK, b"hello\n")


async def broken() -> Answer:
    raise LookupError("secret detail")


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    async with Endpoint({"/hello": hello, "/broken": broken}).listening("127.0.0.1", 0) as address:
        yield address


async def exchange(address: Address, request: bytes, *, ends: bool = False) -> bytes:
    """Sends these bytes and returns everything the server answers until it closes. `ends`: half-close after sending."""
    async with asyncio.timeout(ANSWER_SECONDS):
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(request)
            if ends:
                writer.write_eof()
            return await reader.read()
        except ConnectionResetError:  # the server closed while we were still sending
            return b""
        finally:
            writer.close()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


async def test_a_page_is_served_and_the_connection_closed(address: Address) -> None:
    answer = await exchange(address, b"GET /hello?x=1 HTTP/1.1\r\nHost: saga\r\n\r\n")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert {b"Content-Length: 6", b"Connection: close", b"Cache-Control: no-store"} <= set(head.split(b"\r\n"))
    assert body == b"hello\n"


async def test_head_gets_no_body(address: Address) -> None:
    answer = await exchange(address, b"HEAD /hello HTTP/1.0\n\n")

    assert status(answer) == HTTPStatus.OK
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_bytes", "wanted"),
    [
        (b"GET /other HTTP/1.1\r\n\r\n", HTTPStatus.NOT_FOUND),
        (b"GET /hello/../hello HTTP/1.1\r\n\r\n", HTTPStatus.NOT_FOUND),
        (b"POST /hello HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", HTTPStatus.METHOD_NOT_ALLOWED),
        (b"GET /broken HTTP/1.1\r\n\r\n", HTTPStatus.INTERNAL_SERVER_ERROR),
        (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /hello HTTP/2.0\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET  /hello HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"get /hello HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"GET /h\xc3\xa9llo HTTP/1.1\r\n\r\n", HTTPStatus.BAD_REQUEST),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", HTTPStatus.BAD_REQUEST),
        (b"\n", HTTPStatus.BAD_REQUEST),
        (b"GET /" + b"x" * HEAD_BYTES_MAX * 2, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (b"GET /hello HTTP/1.1\r\n" + b"A: b\r\n" * HEAD_BYTES_MAX, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
        (b"GET /hello HTTP/1.1\r\nA: " + b"x" * HEAD_BYTES_MAX * 2, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value.name,
)
async def test_a_malformed_request_is_refused(address: Address, request_bytes: bytes, wanted: HTTPStatus) -> None:
    answer = await exchange(address, request_bytes)

    assert answer == b"" or status(answer) == wanted  # a client that never stops sending may be cut off before it reads
    assert b"secret" not in answer
    assert status(await exchange(address, b"GET /hello HTTP/1.1\r\n\r\n")) == HTTPStatus.OK


async def test_noise_breaks_nothing(address: Address) -> None:
    noise = random.Random(7)  # noqa: S311 (the same noise each time)

    answers = [await exchange(address, noise.randbytes(noise.randrange(1, 300)), ends=True) for _ in range(200)]

    assert {status(answer) for answer in answers if answer} <= {HTTPStatus.BAD_REQUEST}
    assert status(await exchange(address, b"GET /hello HTTP/1.1\r\n\r\n")) == HTTPStatus.OK


async def test_a_client_that_disconnects_early_is_forgotten(address: Address) -> None:
    assert await exchange(address, b"GET /hello HT", ends=True) == b""


async def test_a_silent_client_is_disconnected(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "HEAD_TIMEOUT_SECONDS", 0.05)

    assert status(await exchange(address, b"GET /hello HTTP/1.1\r\n")) == HTTPStatus.REQUEST_TIMEOUT


async def test_beyond_the_limit_of_clients_the_newest_is_disconnected(address: Address) -> None:
    idle = [await asyncio.open_connection(*address) for _ in range(CONNECTIONS_MAX)]
    try:
        assert await exchange(address, b"GET /hello HTTP/1.1\r\n\r\n") == b""
    finally:
        for _, writer in idle:
            writer.close()

    await until(lambda: exchange(address, b"GET /hello HTTP/1.1\r\n\r\n"), "there is room again")


async def test_open_connections_are_closed_at_the_end() -> None:
    async with asyncio.timeout(ANSWER_SECONDS):
        async with Endpoint({"/hello": hello}).listening("127.0.0.1", 0) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /hello HTTP/1.1\r\n")
            await writer.drain()
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()


async def test_an_address_in_use_is_named_in_the_error(address: Address) -> None:
    with pytest.raises(UsageError, match=rf"cannot listen on 127\.0\.0\.1:{address[1]}: .*in use"):
        async with Endpoint({}).listening(*address):
            pass
