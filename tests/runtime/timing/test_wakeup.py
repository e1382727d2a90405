"""A ring wakes one worker, and no ring is lost."""

from __future__ import annotations

import asyncio

from saga.runtime.timing.wakeup import Wakeup


async def test_one_of_two_workers_wakes() -> None:
    bell, woken = Wakeup(), asyncio.Queue[int]()
    workers = [asyncio.create_task(_work(bell, woken, number)) for number in (1, 2)]
    await _settled()
    bell.ring()
    await _settled()
    assert woken.qsize() == 1
    bell.ring()
    await _settled()
    assert {woken.get_nowait(), woken.get_nowait()} == {1, 2}
    for worker in workers:
        worker.cancel()


async def test_a_ring_while_no_worker_waits_wakes_one_later() -> None:
    bell = Wakeup()
    bell.ring()
    bell.ring()
    await bell.wait()
    second = asyncio.create_task(bell.wait())
    await _settled()
    assert not second.done()
    bell.ring()
    await second


async def test_a_worker_that_is_cancelled_when_woken_leaves_the_ring_to_another() -> None:
    bell = Wakeup()
    first, second = asyncio.create_task(bell.wait()), asyncio.create_task(bell.wait())
    await _settled()
    bell.ring()
    first.cancel()
    await asyncio.wait([first, second], return_when=asyncio.ALL_COMPLETED, timeout=1)
    assert first.cancelled()
    assert second.done()
    assert not second.cancelled()


async def _work(bell: Wakeup, woken: asyncio.Queue[int], number: int) -> None:
    while True:
        await bell.wait()
        woken.put_nowait(number)


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
