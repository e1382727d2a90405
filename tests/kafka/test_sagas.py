"""Whole sagas over Kafka: processes and brokers are killed meanwhile, and every effect exists once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

import saga
from saga.errors import NotFound
from saga.ports.bus import Message, topic_of
from saga.settings import load
from saga_kafka import open_bus
from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this file)
from tests.process.fleet import Fleet, Member, audit, prepare
from tests.process.shop import shop
from tests.services.kafka import Cluster, cluster
from tests.services.places import or_skip

SERVICES: Final = ("books", "stock", "money", "post")
STRANGE: Final = (b"", b"{}", b"\xff\x00", b"[" * 10_000, b'{"v": 1, "saga": "x", "step": 0, "op": "E"}', b'{"v": 99}')


@pytest.fixture(scope="module")
def broker() -> Iterator[Cluster]:
    with or_skip(cluster()) as found:
        yield found


@pytest.fixture
def bus_url(broker: Cluster, request: pytest.FixtureRequest) -> str:
    return f"{broker.url}&prefix=s{abs(hash(request.node.nodeid))}."


@pytest.fixture
async def fleet(
    tmp_path: Path,
    store_url: str,  # noqa: F811
    fresh_database: Callable[[], Awaitable[str]],
    bus_url: str,
) -> AsyncIterator[Fleet]:
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
        handles = []
        events = asyncio.create_task(_awaited(during))
        for start in range(0, count, 50):
            batch = [client.start(shop, number) for number in range(start, min(start + 50, count))]
            handles += await asyncio.gather(*batch)
        await events
        await asyncio.gather(*(handle.result(100) for handle in handles))
    return await audit(fleet.store, fleet.effects)


async def serve(fleet: Fleet) -> list[Member]:
    """Two processes for each half of the services: no process serves both halves, so they communicate over the bus."""
    return [await fleet.participant(*half) for half in (SERVICES[:2], SERVICES[2:]) * 2]


async def _awaited(during: Callable[[], Awaitable[None]]) -> None:
    await during()


async def test_every_effect_exists_once_while_poison_and_replays_arrive_and_the_broker_dies(
    fleet: Fleet, broker: Cluster, bus_url: str
) -> None:
    await serve(fleet)

    async def poison_and_a_crash() -> None:
        bus = open_bus(bus_url, "saga")
        for service in SERVICES:
            topic = topic_of("saga", service)
            await bus.publish([Message(topic, b"k", body) for body in STRANGE])
        await bus.close()
        await asyncio.to_thread(broker.kill, 1)
        broker.start(1)

    endings = await run(fleet, bus_url, 300, poison_and_a_crash)

    assert sum(endings.values()) == 300
    assert all(member.is_running for member in fleet.members)
    assert "messages refused" in "".join(member.log() for member in fleet.members)


@pytest.mark.chaos
async def test_every_effect_of_two_thousand_sagas_exists_once_while_brokers_and_members_die(
    fleet: Fleet, broker: Cluster, bus_url: str
) -> None:
    members = await serve(fleet)
    await fleet.supervisor()

    async def crashes() -> None:
        members[0].kill()
        await asyncio.to_thread(broker.kill, 1)
        broker.start(1)
        members[1].kill()
        await serve(fleet)

    endings = await run(fleet, bus_url, 2_000, crashes)

    assert sum(endings.values()) == 2_000


async def test_every_published_command_may_be_redelivered(fleet: Fleet, bus_url: str) -> None:
    """Another group receives and republishes all commands: each is refused by its claim."""
    members = await serve(fleet)
    endings = await run(fleet, bus_url, 50, _nothing)
    bus = open_bus(bus_url, "saga")
    topics = [topic_of("saga", service) for service in SERVICES]
    replayed = 0
    async with asyncio.timeout(20), bus.subscribe(topics, "replay", limit=1_000) as subscription:
        while replayed < 50:
            deliveries = await anext(aiter(subscription))
            await bus.publish([delivery.message for delivery in deliveries])
            replayed += len(deliveries)
    await bus.close()

    later = await run(fleet, bus_url, 20, _nothing)

    assert sum(endings.values()) == 50
    assert sum(later.values()) == 70
    assert all(member.is_running for member in members)


async def test_a_service_without_its_topic_does_not_start_and_names_the_remedy(fleet: Fleet, bus_url: str) -> None:
    strict = load(store=fleet.store, bus=bus_url.replace("create=1", "create=0"))
    participant = saga.Participant("lonely")

    async with saga.connect(settings=strict) as app:
        with pytest.raises(NotFound, match="saga bus ensure"):
            async with app.serve(participant):
                pass


async def _nothing() -> None:
    return None
