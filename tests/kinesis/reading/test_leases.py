"""The lease table: everything is conditional, so that whoever lost a lease changes nothing any more."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from saga.errors import SchemaMismatch, UsageError
from saga_kinesis.bus import KinesisBus
from saga_kinesis.client import Shard
from saga_kinesis.options import Options
from saga_kinesis.readers.lease_table import Lease, LeaseTable, Place, Saving
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog
from tests.kinesis.connections import connected
from tests.services import kinesis as services

ME, OTHER = uuid.uuid4(), uuid.uuid4()


def shard(name: str, *parents: str) -> Shard:
    return Shard(name, parents, 0, 1, is_open=True)


@pytest.fixture
def place() -> Place:
    return Place("group", f"stream-{uuid.uuid4()}", 1)


async def one(table: LeaseTable, place: Place, name: str = "a") -> Lease:
    return {lease.shard: lease for lease in await table.beat(place, ME, "me", {})}[name]


async def taken(table: LeaseTable, place: Place, reader: uuid.UUID = ME, name: str = "a") -> Lease:
    lease = await table.take(place, reader, await one(table, place, name))
    assert lease is not None
    return lease


def saving(lease: Lease, checkpoint: int | None, *beyond: int) -> Saving:
    return Saving(lease.shard, lease.term, checkpoint, beyond, is_finished=False, is_released=False)


async def test_a_shard_has_one_owner_whoever_tries_at_once(table: LeaseTable, place: Place) -> None:
    await table.sync(place, [shard("a")])
    free = await one(table, place)

    results = await asyncio.gather(*(table.take(place, uuid.uuid4(), free) for _ in range(4)))

    assert sum(result is not None for result in results) == 1


async def test_an_owner_that_gave_a_sign_of_life_meanwhile_is_not_robbed(table: LeaseTable, place: Place) -> None:
    await table.sync(place, [shard("a")])
    lease = await taken(table, place)
    seen = await one(table, place)
    await table.beat(place, ME, "me", {"a": lease.term})

    assert await table.take(place, OTHER, seen) is None


async def test_a_robbed_owner_neither_lives_nor_saves(table: LeaseTable, place: Place) -> None:
    await table.sync(place, [shard("a")])
    lease = await taken(table, place)
    stolen = await taken(table, place, OTHER)

    beat = await table.beat(place, ME, "me", {"a": lease.term})
    saved = await table.save(place, ME, [saving(lease, 7)])

    assert beat[0] == stolen
    assert saved == set()
    assert (await one(table, place)).checkpoint is None


async def test_a_saving_of_an_earlier_term_of_the_same_owner_changes_nothing(table: LeaseTable, place: Place) -> None:
    await table.sync(place, [shard("a")])
    earlier = await taken(table, place)
    later = await taken(table, place)

    assert await table.save(place, ME, [saving(earlier, 9)]) == set()
    assert await table.save(place, ME, [saving(later, 3, 5, 7)]) == {"a"}
    lease = await one(table, place)
    assert (lease.checkpoint, lease.beyond) == (3, (5, 7))


async def test_a_checkpoint_never_goes_back(table: LeaseTable, place: Place) -> None:
    await table.sync(place, [shard("a")])
    lease = await taken(table, place)
    far = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
    await table.save(place, ME, [saving(lease, far)])

    assert await table.save(place, ME, [saving(lease, far - 1)]) == set()
    assert await table.save(place, ME, [saving(lease, None)]) == set()
    assert (await one(table, place)).checkpoint == far


async def test_a_child_is_taken_when_all_its_parents_are_finished(table: LeaseTable, place: Place) -> None:
    await table.sync(place, [shard("a"), shard("b"), shard("c", "a", "b")])
    for parent in ("a", "b"):
        assert await table.take(place, ME, await one(table, place, "c")) is None
        lease = await taken(table, place, name=parent)
        await table.save(place, ME, [replace(saving(lease, 1), is_finished=True)])

    assert (await taken(table, place, name="c")).parents == ("a", "b")
    assert await table.take(place, ME, await one(table, place, "a")) is None


async def test_what_is_released_is_free_at_once(table: LeaseTable, place: Place) -> None:
    await table.sync(place, [shard("a")])
    lease = await taken(table, place)
    await table.save(place, ME, [replace(saving(lease, 4), is_released=True)])

    freed = await one(table, place)
    assert (freed.owner, freed.checkpoint) == (None, 4)
    assert await table.save(place, ME, [saving(lease, 5)]) == set()


async def test_a_stream_made_anew_begins_anew(table: LeaseTable, place: Place) -> None:
    await table.sync(place, [shard("a")])
    await table.save(place, ME, [saving(await taken(table, place), 4)])
    anew = Place(place.group, place.stream, place.incarnation + 1)

    await table.sync(anew, [shard("a")])

    assert (await one(table, anew)).checkpoint is None
    assert await table.beat(place, ME, "me", {}) == []


async def test_shards_that_kinesis_forgot_unread_are_named_once_and_hold_nobody_up(
    table: LeaseTable, place: Place
) -> None:
    await table.sync(place, [shard("a"), shard("b", "a")])

    assert await table.sync(place, [shard("b", "a")]) == ["a"]
    assert await table.sync(place, [shard("b", "a")]) == []
    assert (await taken(table, place, name="b")).shard == "b"


async def test_a_dead_reader_is_forgotten_only_at_the_beat_it_was_found_at(table: LeaseTable, place: Place) -> None:
    await table.beat(place, OTHER, "other", {})
    beat = (await table.readers(place))[OTHER]
    await table.beat(place, OTHER, "other", {})

    await table.leave(place, OTHER, beat)
    assert OTHER in await table.readers(place)
    await table.leave(place, OTHER, beat + 1)
    assert OTHER not in await table.readers(place)


async def test_parcels_are_kept_for_as_long_as_their_records(table: LeaseTable) -> None:
    gone = await table.put_parcel(b"old", -1)
    kept = await table.put_parcel(b"new", 60)

    assert await table.parcels([gone, kept, kept + 1]) == {kept: b"new"}


async def test_without_the_tables_the_remedy_is_named(fresh_database: Callable[[], Awaitable[str]]) -> None:
    table = LeaseTable(await fresh_database(), "saga")
    place = Place("group", "stream", 1)
    for refused in (table.check(), table.readers(place)):
        with pytest.raises(SchemaMismatch, match="saga bus ensure"):
            await refused
    assert len(await table.migrate()) == 1
    assert await table.pending() == []
    await table.check()
    await table.close()


async def test_who_has_no_database_for_leases_can_publish_and_is_told_when_it_reads(
    kinesis_endpoint: str, leases_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAGA_STORE", raising=False)
    url = services.bus_url(kinesis_endpoint, leases_url, prefix=prefix)
    nowhere = "&".join(part for part in url.split("&") if not part.startswith("leases="))
    async with connected(url, 1) as (reader,):
        bus, log = KinesisBus(Options.read(nowhere), "saga"), DeliveryLog()
        await log.publish(bus, 10)
        with pytest.raises(UsageError, match="SAGA_STORE"):
            await bus.ensure([TOPIC], GROUP)
        await bus.close()
        async with log.reading(reader):
            await log.complete()
