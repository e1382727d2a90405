"""Whole sagas over NATS: the server is killed meanwhile, strangers write, commands are replayed, and every effect exists once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

import saga
from saga.errors import NotFound
from saga.ports.bus import topic_of
from saga.settings import load
from saga_nats import open_bus
from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this file)
from tests.nats.poison import STRANGE, write_strange
from tests.process.fleet import Fleet, audit, prepare
from tests.process.shop import shop
from tests.services.nats import Nats, cluster
from tests.services.places import or_skip

SERVICES: Final = ("books", "stock", "money", "post")


@pytest.fixture(scope="module")
def server() -> Iterator[Nats]:
    with or_skip(cluster()) as found:
        yield found


@pytest.fixture
def bus_url(server: Nats, request: pytest.FixtureRequest) -> str:
    return f"{server.bus_url}&ack_wait=2s&prefix=s{abs(hash(request.node.nodeid))}."


@pytest.fixture
async def fleet(
    tmp_path: Path,
    store_url: str,  # noqa: F811
    fresh_database: Callable[[], Awaitable[str]],
    bus_url: str,
) -> AsyncIterator[Fleet]:
    """Two processes, each with half of the services, so that they communicate over the bus."""
    effects = await fresh_database()
    await prepare(store_url, effects)
    async with Fleet(
        tmp_path, store_url, effects, bus=bus_url, lease="2", redrive="1", margin="0.5", drain="3"
    ) as fleet:
        yield fleet


async def run(fleet: Fleet, bus_url: str, count: int, during: Callable[[], Awaitable[None]]) -> dict[str, int]:
    """Starts `count` orders while `during` runs, waits for all of them to end, and audits the effects."""
    async with saga.connect(settings=load(store=fleet.store, bus=bus_url, redrive=1)) as client:
        await client.register(shop)
        starting = [client.start(shop, number) for number in range(count)]
        handles, _ = await asyncio.gather(asyncio.gather(*starting), during())
        await asyncio.gather(*(handle.result(100) for handle in handles))
    return await audit(fleet.store, fleet.effects)


async def test_every_effect_exists_once_while_strangers_write_and_the_server_dies(
    fleet: Fleet, server: Nats, bus_url: str
) -> None:
    for half in (SERVICES[:2], SERVICES[2:]):
        await fleet.participant(*half)

    async def poison_and_a_crash() -> None:
        await write_strange(server.url)
        await asyncio.to_thread(server.kill, 1)
        server.start(1)

    endings = await run(fleet, bus_url, 100, poison_and_a_crash)
    replayed = await replay(bus_url)

    assert sum(endings.values()) == 100
    assert replayed >= 100
    assert sum((await run(fleet, bus_url, 20, nothing)).values()) == 120
    assert all(member.is_running for member in fleet.members)
    assert "messages refused" in "".join(member.log() for member in fleet.members)


async def replay(bus_url: str) -> int:
    """Another group receives and republishes all commands: each is refused by its claim."""
    bus, count = open_bus(bus_url, "saga"), 0
    topics = [topic_of("saga", service) for service in SERVICES]
    async with asyncio.timeout(20), bus.subscribe(topics, "replay", limit=1_000) as subscription:
        while count < 100 + len(STRANGE) * len(topics):
            deliveries = await anext(aiter(subscription))
            await bus.publish([one.message for one in deliveries if len(one.message.body) < 1_000])
            count += len(deliveries)
    await bus.close()
    return count


async def nothing() -> None:
    return None


async def test_a_service_without_its_stream_does_not_start_and_names_the_remedy(fleet: Fleet, bus_url: str) -> None:
    strict = load(store=fleet.store, bus=bus_url.replace("create=1", "create=0"))
    participant = saga.Participant("lonely")

    async with saga.connect(settings=strict) as app:
        with pytest.raises(NotFound, match="saga bus ensure"):
            async with app.serve(participant):
                pass
