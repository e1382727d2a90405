"""Whole sagas over Kinesis: processes and the server are killed meanwhile, and every effect exists once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

import saga
from saga.errors import NotFound
from saga.ports.bus import topic_of
from saga.settings import load
from tests.kinesis.operator import Operator
from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this file)
from tests.process.fleet import Fleet, Member, audit, prepare
from tests.process.shop import shop
from tests.services import kinesis as services

SERVICES: Final = ("books", "stock", "money", "post")
STRANGE: Final = (b"", b"{}", b"\xff\x00", b"[" * 10_000, b"\x01\x00\x00\x00\x00\x00\x02{}[]")
SHARDS: Final = "2"


@pytest.fixture
def url(kinesalite: services.Kinesalite, store_url: str) -> str:  # noqa: F811
    """A bus with its leases in the database of the saga tables."""
    return services.bus_url(kinesalite.endpoint, store_url, shards=SHARDS, poll="100ms", idle="300ms")


@pytest.fixture
async def fleet(
    tmp_path: Path,
    store_url: str,  # noqa: F811
    fresh_database: Callable[[], Awaitable[str]],
    url: str,
) -> AsyncIterator[Fleet]:
    effects = await fresh_database()
    await prepare(store_url, effects)
    async with Fleet(tmp_path, store_url, effects, bus=url, lease="2", redrive="1", margin="0.5", drain="3") as fleet:
        yield fleet


async def serve(fleet: Fleet) -> list[Member]:
    """Two processes for each half of the services: no process serves both halves, so they communicate over the bus."""
    return [await fleet.participant(*half) for half in (SERVICES[:2], SERVICES[2:]) * 2]


async def run(fleet: Fleet, url: str, count: int, *events: Callable[[], Awaitable[None]]) -> dict[str, int]:
    """Starts `count` orders, some before each event, waits for all of them to end, and audits the effects."""
    async with saga.connect(settings=load(store=fleet.store, bus=url, redrive=1)) as client:
        await client.register(shop)
        handles, share = [], count // (len(events) + 1)
        for number, event in enumerate((*events, _nothing)):
            numbers = range(number * share, count if event is _nothing else (number + 1) * share)
            handles += await asyncio.gather(*(client.start(shop, number) for number in numbers))
            await event()
        await asyncio.gather(*(handle.result(100) for handle in handles))
    return await audit(fleet.store, fleet.effects)


async def test_every_effect_exists_once_while_poison_arrives_and_all_commands_are_redelivered(
    fleet: Fleet, kinesalite: services.Kinesalite, url: str
) -> None:
    await serve(fleet)

    async def poison() -> None:
        for service in SERVICES:
            async with Operator(url, topic_of("saga", service)) as operator:
                await operator.put_raw(*STRANGE)

    async def crash() -> None:
        kinesalite.kill()
        kinesalite.start()

    async def replay() -> None:
        """Deletes all leases: each stream is read from its oldest record again."""
        for service in SERVICES:
            async with Operator(url, topic_of("saga", service)) as operator:
                await operator.rows("delete from lease where stream = $1")

    endings = await run(fleet, url, 300, poison, crash, replay)

    assert sum(endings.values()) == 300
    assert all(member.is_running for member in fleet.members)
    log = "".join(member.log() for member in fleet.members)
    assert "nobody can read" in log
    assert "messages refused" in log


@pytest.mark.chaos
async def test_every_effect_of_two_thousand_sagas_exists_once_while_shards_split_and_processes_die(
    fleet: Fleet, kinesalite: services.Kinesalite, url: str
) -> None:
    members = await serve(fleet)
    await fleet.supervisor()

    async def death() -> None:
        members[0].kill()
        await fleet.participant(*SERVICES[:2])

    async def crash() -> None:
        kinesalite.kill()
        kinesalite.start()

    async def split_and_merge() -> None:
        for service in SERVICES:
            async with Operator(url, topic_of("saga", service)) as operator:
                first, second = await operator.open_shards()
                await operator.split(first)
                left, right, _ = await operator.open_shards()
                await operator.merge(left, right)
                await operator.split(second)

    endings = await run(fleet, url, 2_000, death, split_and_merge, crash)

    assert sum(endings.values()) == 2_000


async def test_a_service_without_its_stream_does_not_start_and_names_the_remedy(fleet: Fleet, url: str) -> None:
    await fleet.participant("books")
    strict = load(store=fleet.store, bus=url.replace("create=yes", "create=no"))

    async with saga.connect(settings=strict) as app:
        with pytest.raises(NotFound, match="saga bus ensure"):
            async with app.serve(saga.Participant("lonely")):
                pass


async def _nothing() -> None:
    return None
