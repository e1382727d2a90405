"""The faults of the proxy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from saga_postgres.embedded.child import LOOPBACK
from tests.runtime.world import until
from tests.services.proxy import Direction, Proxy

SILENCE_SECONDS = 0.1


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    """A server that echoes every line; it has one thread for each connection."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield listener
        with contextlib.suppress(OSError):  # a test has done so
            listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(echo: socket.socket) -> Iterator[Proxy]:
    with Proxy(LOOPBACK, echo.getsockname()[1]) as proxy:
        yield proxy


class Line:
    """A client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def ask(self, words: bytes) -> bytes:
        self.writer.write(words + b"\n")
        return await self.answer()

    async def answer(self) -> bytes:
        async with asyncio.timeout(5):
            return (await self._reader.readline()).strip()

    async def is_silent(self) -> bool:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                return not await self._reader.readline()
        except TimeoutError:
            return True


@pytest.fixture
async def line(proxy: Proxy) -> AsyncIterator[Line]:
    line = await connect(proxy)
    yield line
    line.writer.close()


async def connect(proxy: Proxy) -> Line:
    return Line(*await asyncio.open_connection(LOOPBACK, proxy.port))


async def test_data_passes_in_both_directions(line: Line) -> None:
    assert await line.ask(b"one") == b"one"


async def test_a_black_hole_is_silent_and_delivers_held_data_afterwards(proxy: Proxy, line: Line) -> None:
    proxy.hold()
    line.writer.write(b"one\n")
    assert await line.is_silent()

    proxy.release()

    assert await line.answer() == b"one"


async def test_a_connection_into_a_black_hole_opens_and_stays_silent(proxy: Proxy) -> None:
    proxy.hold()
    line = await connect(proxy)
    line.writer.write(b"one\n")
    assert await line.is_silent()

    proxy.release()

    assert await line.answer() == b"one"
    line.writer.close()


async def test_held_answers_have_been_given(proxy: Proxy, line: Line) -> None:
    proxy.hold(Direction.TO_CLIENT)
    line.writer.write(b"one\n")

    await until(lambda: proxy.held_bytes == 4, "the server has answered")

    assert await line.is_silent()


async def test_held_requests_do_not_reach_the_server(proxy: Proxy, line: Line) -> None:
    proxy.hold(Direction.TO_SERVER)
    line.writer.write(b"one\n")
    await until(lambda: proxy.held_bytes == 4, "the request is held back")

    proxy.hold(Direction.TO_CLIENT)
    await until(lambda: proxy.held_bytes == 4, "it is the answer now")
    proxy.release()

    assert await line.answer() == b"one"


async def test_a_server_behind_a_black_hole_does_not_learn_that_its_client_has_gone(proxy: Proxy, line: Line) -> None:
    assert await line.ask(b"one") == b"one"
    proxy.hold()
    line.writer.close()
    assert proxy.connections == 1

    proxy.release()

    await until(lambda: proxy.connections == 0, "the end has come through")


async def test_a_cut_resets_every_connection_and_drops_held_data(proxy: Proxy, line: Line) -> None:
    proxy.hold(Direction.TO_CLIENT)
    line.writer.write(b"one\n")
    await until(lambda: proxy.held_bytes == 4, "the server has answered")

    assert proxy.cut() == 1

    with pytest.raises(ConnectionResetError):
        await line.answer()
    assert proxy.connections == 0


async def test_a_new_connection_is_refused_while_open_ones_stay(proxy: Proxy, line: Line) -> None:
    assert await line.ask(b"zero") == b"zero"  # it is through, and not only in the kernel's queue
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    assert await line.ask(b"one") == b"one"

    proxy.accept()

    other = await connect(proxy)
    assert await other.ask(b"two") == b"two"
    other.writer.close()


async def test_a_delay_applies_in_both_directions(proxy: Proxy, line: Line) -> None:
    proxy.delay(0.05)
    asked_at = time.monotonic()
    assert await line.ask(b"one") == b"one"
    assert time.monotonic() - asked_at >= 0.1

    proxy.heal()

    assert await line.ask(b"two") == b"two"


async def test_an_unreachable_server_resets_the_client(echo: socket.socket, proxy: Proxy) -> None:
    echo.shutdown(socket.SHUT_RDWR)

    with pytest.raises(ConnectionResetError):  # at once or a moment later
        await (await connect(proxy)).answer()


async def test_a_commit_is_done_and_its_answer_lost(postgres_url: str, postgres: asyncpg.Connection) -> None:
    await postgres.execute("create table noted (number integer)")
    with Proxy.before(postgres_url) as proxy:
        victim = await asyncpg.connect(proxy.through(postgres_url))
        proxy.lose_answers_to(b"COMMIT")
        await victim.execute("insert into noted values (1)")

        with pytest.raises((ConnectionError, asyncpg.PostgresConnectionError)):
            async with victim.transaction():
                await victim.execute("insert into noted values (2)")

        assert proxy.lost_answers == 1
        victim.terminate()
    assert await postgres.fetchval("select count(*) from noted") == 2


def test_a_url_without_a_port_cannot_be_proxied() -> None:
    with pytest.raises(ValueError, match="host and port"):
        Proxy.before("postgresql://somebody@/database")


def _serve(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test is over
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection, connection.makefile("rwb", buffering=0) as stream:
        try:
            for words in stream:
                stream.write(words)
        except OSError:  # the test is over
            return


async def test_new_connections_can_be_led_to_another_server(proxy: Proxy, line: Line) -> None:
    assert await line.ask(b"there") == b"there"
    with socket.create_server((LOOPBACK, 0)) as other:
        proxy.lead_to(f"tcp://{LOOPBACK}:{other.getsockname()[1]}")
        with socket.create_connection((LOOPBACK, proxy.port)):
            other.settimeout(5)
            arrived, _ = await asyncio.to_thread(other.accept)
            arrived.close()

        assert await line.ask(b"still there") == b"still there"
