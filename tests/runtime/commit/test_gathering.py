"""Many callers are answered by one call, each with its own answer or error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from saga.errors import Closed, InputRefused, Unavailable
from saga.runtime.commit.gathering import BATCH_MAX, Gathering
from saga.runtime.commit.outcome_queue import BATCH_BYTES_MAX

REFUSED, GONE = -1, -2


class Server:
    """Doubles numbers, and notes what it was asked. It refuses REFUSED, and is gone for GONE."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def double(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append([*numbers])
        self.asked.set()
        await self.open.wait()
        if REFUSED in numbers:
            raise InputRefused("not this one")
        if GONE in numbers:
            raise Unavailable("gone")
        return [2 * number for number in numbers]


@asynccontextmanager
async def running(gathering: Gathering[int, int]) -> AsyncIterator[None]:
    task = asyncio.create_task(gathering.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_asked_during_a_call_is_asked_for_together_by_the_next_one() -> None:
    server = Server()
    gathering = Gathering(server.double)
    server.open.clear()
    async with running(gathering):
        first = asyncio.create_task(gathering.ask(1))
        await server.asked.wait()
        others = [asyncio.create_task(gathering.ask(number)) for number in range(2, BATCH_MAX + 3)]
        await asyncio.sleep(0)
        others[0].cancel()
        server.open.set()
        assert await first == 2
        assert await asyncio.gather(*others[1:]) == [2 * number for number in range(3, BATCH_MAX + 3)]
    assert list(map(len, server.calls)) == [1, BATCH_MAX, 1]


async def test_one_that_is_refused_fails_alone() -> None:
    server = Server()
    gathering = Gathering(server.double)
    async with running(gathering):
        found = await asyncio.gather(*map(gathering.ask, (1, REFUSED, 3)), return_exceptions=True)
    assert (found[0], type(found[1]), found[2]) == (2, InputRefused, 6)
    assert server.calls == [[1, REFUSED, 3], [1], [REFUSED], [3]]


async def test_a_server_that_is_gone_is_not_asked_again() -> None:
    server = Server()
    gathering = Gathering(server.double)
    async with running(gathering):
        found = await asyncio.gather(*map(gathering.ask, (1, GONE)), return_exceptions=True)
    assert [type(each) for each in found] == [Unavailable] * 2
    assert server.calls == [[1, GONE]]


async def test_a_call_is_asked_for_a_bounded_number_of_bytes() -> None:
    server = Server()
    gathering = Gathering(server.double, at_once=2, bytes_of=lambda _: BATCH_BYTES_MAX // 2)
    async with running(gathering):
        assert await asyncio.gather(*map(gathering.ask, range(5))) == [0, 2, 4, 6, 8]
    assert sorted(map(len, server.calls)) == [1, 2, 2]


async def test_nobody_waits_for_a_process_that_has_stopped() -> None:
    server = Server()
    gathering = Gathering(server.double)
    server.open.clear()
    async with running(gathering):
        asked = [asyncio.create_task(gathering.ask(number)) for number in range(BATCH_MAX + 1)]
        await server.asked.wait()
    for task in asked:
        with pytest.raises(Closed):
            await task
    with pytest.raises(Closed):
        await gathering.ask(1)
