"""Notifications by strangers: every role that may connect to the database may send them. They cost a bounded number of statements."""

from __future__ import annotations

import asyncio
import logging
import time
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from saga import Definition, Participant
from saga.app import App
from saga_postgres.announce import channels
from saga_postgres.announce.inbox import TOLD_SECONDS
from saga_postgres.announce.paced import SIGNALS_BURST, SIGNALS_PER_SECOND
from saga_postgres.bus.bus import PostgresBus
from saga_postgres.election import open_election
from tests.runtime.world import World, until

FLOOD_SECONDS = 1.5
SENT_MIN = 200
USUAL_PER_SECOND = 10
"""Heartbeats and polls of a process that is not flooded, and some more."""


@pytest.fixture
async def stranger(store_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(store_url)
    yield connection
    await connection.close()


@pytest.fixture
async def app(store_url: str) -> AsyncIterator[App]:
    """A process that serves one service and has nothing to do."""
    service = Participant("idle")

    @service.step(external=True)
    async def work() -> int:
        return 1

    async with World(store_url) as world:
        yield await world.join(service)


def counted(owner: Any, name: str, calls: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts the calls of a method, which does what it always does."""
    method: Callable[..., Awaitable[Any]] = getattr(owner, name)

    async def call(*args: Any, **options: Any) -> Any:
        calls[name] += 1
        return await method(*args, **options)

    monkeypatch.setattr(owner, name, call)


async def flood(stranger: asyncpg.Connection[asyncpg.Record], channel: str, payloads: Callable[[int], str]) -> float:
    """Notifies as fast as one session can. Returns the seconds that it took."""
    began_at, sent = time.monotonic(), 0
    while time.monotonic() - began_at < FLOOD_SECONDS or sent < SENT_MIN:
        await stranger.execute("select pg_notify($1, $2)", channel, payloads(sent))
        sent += 1
    return time.monotonic() - began_at


def bearable(seconds: float) -> float:
    return 2 * SIGNALS_BURST + (SIGNALS_PER_SECOND + USUAL_PER_SECOND) * seconds


@pytest.mark.parametrize("kind", ["peers", "queue", "claims"])
async def test_a_process_that_is_flooded_asks_the_store_at_a_bearable_pace(
    app: App, stranger: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    calls = Counter[str]()
    counted(app.process.adapter.membership, "heartbeat", calls, monkeypatch)
    for name in ("poll", "fetch"):
        counted(app.process.adapter.store, name, calls, monkeypatch)
    channel = {
        "peers": channels.peers_channel("saga"),
        "queue": channels.service_channel("saga", "idle"),
        "claims": channels.process_channel("saga", app.process.number),
    }[kind]

    seconds = await flood(
        stranger, channel, lambda n: "c" + b64encode(n.to_bytes(18)).decode() if kind == "claims" else ""
    )

    assert calls.total() <= bearable(seconds)
    definition = Definition("still_served")
    definition.step("idle.work")
    assert (await (await app.start(definition)).result(10)).is_completed


async def test_forged_notifications_are_told_now_and_then(
    app: App, stranger: asyncpg.Connection[asyncpg.Record], caplog: pytest.LogCaptureFixture
) -> None:
    channel = channels.process_channel("saga", app.process.number)
    with caplog.at_level(logging.WARNING):
        seconds = await flood(stranger, channel, lambda _: "wAAAA")
        await until(lambda: "notifications refused" in caplog.text, "it is told")

    told = [line for line in caplog.messages if "notifications refused" in line]
    assert len(told) <= 1 + seconds / TOLD_SECONDS


async def test_members_of_the_bus_and_candidates_keep_their_pace(
    store_url: str, stranger: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = Counter[str]()
    bus, leader, candidate = (
        PostgresBus(store_url, "saga"),
        open_election(store_url, "saga"),
        open_election(store_url, "saga"),
    )
    await leader.campaign("leader")
    counted(candidate, "_read", calls, monkeypatch)
    waiting = asyncio.create_task(candidate.campaign("candidate"))
    async with bus.subscribe(["t"], "g", limit=10) as subscription:
        counted(getattr(subscription, "_member"), "take", calls, monkeypatch)  # noqa: B009
        reading: asyncio.Task[object] = asyncio.create_task(anext(aiter(subscription)))  # type: ignore[arg-type]
        bus_seconds = await flood(stranger, channels.bus_channel("saga"), lambda _: "t")
        assert calls["take"] <= bearable(bus_seconds)
        leader_seconds = await flood(stranger, channels.leader_channel("saga"), lambda _: "")
        assert calls["_read"] <= bearable(bus_seconds + leader_seconds)
        reading.cancel()
    waiting.cancel()
    await asyncio.gather(waiting, reading, return_exceptions=True)
    for closing in (bus, leader, candidate):
        await closing.close()
