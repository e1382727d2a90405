"""Virtual time, and hosts that are frozen and killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from saga.testing.clocks.virtual_loop import Host, Standstill, VirtualLoop

HOUR_SECONDS = 3_600.0


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.end()


async def note_hours(seen: list[float], loop: VirtualLoop) -> None:
    while True:
        await pause(loop, HOUR_SECONDS)
        seen.append(loop.time())


async def pause(loop: VirtualLoop, seconds: float) -> None:
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over


def test_an_hour_takes_no_time(loop: VirtualLoop) -> None:
    loop.run_until_complete(pause(loop, HOUR_SECONDS))

    assert loop.time() == HOUR_SECONDS


def test_a_pause_that_rounds_to_zero_ends(loop: VirtualLoop) -> None:
    loop.run_until_complete(pause(loop, HOUR_SECONDS))
    loop.run_until_complete(pause(loop, 1e-15))

    assert loop.time() > HOUR_SECONDS


def test_a_thawed_host_continues_late(loop: VirtualLoop) -> None:
    host, seen = Host("one"), list[float]()
    loop.run_as(host, note_hours(seen, loop))
    loop.call_later(0.5 * HOUR_SECONDS, loop.freeze, host)
    loop.call_later(3.5 * HOUR_SECONDS, loop.thaw, host)

    loop.run_until_complete(pause(loop, 4 * HOUR_SECONDS))

    assert seen == [3.5 * HOUR_SECONDS]


def test_nothing_of_a_killed_host_runs_not_even_a_finally(loop: VirtualLoop) -> None:
    host, seen = Host("one"), list[str]()

    async def work() -> None:
        try:
            await pause(loop, HOUR_SECONDS)
        finally:
            seen.append("tidied up")

    loop.run_as(host, work())
    loop.call_later(1.0, loop.kill, host)
    loop.run_until_complete(pause(loop, 2 * HOUR_SECONDS))

    assert not seen


def test_a_server_continues_when_its_client_dies(loop: VirtualLoop) -> None:
    host, seen = Host("client"), list[str]()

    async def serve() -> None:
        await pause(loop, HOUR_SECONDS)
        seen.append("served")

    async def ask() -> None:
        await loop.ask(serve())
        seen.append("answered")

    loop.run_as(host, ask())
    loop.call_later(1.0, loop.kill, host)
    loop.run_until_complete(pause(loop, 2 * HOUR_SECONDS))

    assert seen == ["served"]


def test_waiting_for_nothing_is_reported(loop: VirtualLoop) -> None:
    with pytest.raises(Standstill, match="no timer is set"):
        loop.run_until_complete(loop.create_future())
