"""The lease table: every statement is conditional, so that a reader that lost its lease changes nothing."""

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
from saga_kinesis.readers.lease_table import CheckpointUpdate, GroupStream, Lease, LeaseTable
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog
from tests.kinesis.connections import connected
from tests.services import kinesis as services

ME, OTHER = uuid.uuid4(), uuid.uuid4()


def shard(name: str, *parents: str) -> Shard:
    return Shard(name, parents, 0, 1, is_open=True)


@pytest.fixture
def stream() -> GroupStream:
    return GroupStream("group", f"stream-{uuid.uuid4()}", 1)


async def lease_of(table: LeaseTable, stream: GroupStream, name: str = "a") -> Lease:
    return {lease.shard: lease for lease in await table.heartbeat(stream, ME, "me", {})}[name]


async def taken(table: LeaseTable, stream: GroupStream, reader: uuid.UUID = ME, name: str = "a") -> Lease:
    lease = await table.try_take(stream, reader, await lease_of(table, stream, name))
    assert lease is not None
    return lease


def update_of(lease: Lease, checkpoint: int | None, *beyond: int) -> CheckpointUpdate:
    return CheckpointUpdate(lease.shard, lease.term, checkpoint, beyond, is_finished=False, is_released=False)


async def test_of_concurrent_takers_one_becomes_the_owner(table: LeaseTable, stream: GroupStream) -> None:
    await table.sync(stream, [shard("a")])
    free = await lease_of(table, stream)

    results = await asyncio.gather(*(table.try_take(stream, uuid.uuid4(), free) for _ in range(4)))

    assert sum(result is not None for result in results) == 1


async def test_a_lease_is_not_taken_if_its_owner_has_sent_a_heartbeat_meanwhile(
    table: LeaseTable, stream: GroupStream
) -> None:
    await table.sync(stream, [shard("a")])
    lease = await taken(table, stream)
    seen = await lease_of(table, stream)
    await table.heartbeat(stream, ME, "me", {"a": lease.term})

    assert await table.try_take(stream, OTHER, seen) is None


async def test_an_owner_that_lost_its_lease_cannot_renew_or_save(table: LeaseTable, stream: GroupStream) -> None:
    await table.sync(stream, [shard("a")])
    lease = await taken(table, stream)
    later = await taken(table, stream, OTHER)

    leases = await table.heartbeat(stream, ME, "me", {"a": lease.term})
    saved = await table.save(stream, ME, [update_of(lease, 7)])

    assert leases[0] == later
    assert saved == set()
    assert (await lease_of(table, stream)).checkpoint is None


async def test_an_update_from_an_earlier_term_of_the_same_owner_changes_nothing(
    table: LeaseTable, stream: GroupStream
) -> None:
    await table.sync(stream, [shard("a")])
    earlier = await taken(table, stream)
    later = await taken(table, stream)

    assert await table.save(stream, ME, [update_of(earlier, 9)]) == set()
    assert await table.save(stream, ME, [update_of(later, 3, 5, 7)]) == {"a"}
    lease = await lease_of(table, stream)
    assert (lease.checkpoint, lease.beyond) == (3, (5, 7))


async def test_a_checkpoint_never_goes_back(table: LeaseTable, stream: GroupStream) -> None:
    await table.sync(stream, [shard("a")])
    lease = await taken(table, stream)
    far = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
    await table.save(stream, ME, [update_of(lease, far)])

    assert await table.save(stream, ME, [update_of(lease, far - 1)]) == set()
    assert await table.save(stream, ME, [update_of(lease, None)]) == set()
    assert (await lease_of(table, stream)).checkpoint == far


async def test_a_child_is_taken_when_all_its_parents_are_finished(table: LeaseTable, stream: GroupStream) -> None:
    await table.sync(stream, [shard("a"), shard("b"), shard("c", "a", "b")])
    for parent in ("a", "b"):
        assert await table.try_take(stream, ME, await lease_of(table, stream, "c")) is None
        lease = await taken(table, stream, name=parent)
        await table.save(stream, ME, [replace(update_of(lease, 1), is_finished=True)])

    assert (await taken(table, stream, name="c")).parents == ("a", "b")
    assert await table.try_take(stream, ME, await lease_of(table, stream, "a")) is None


async def test_a_released_shard_is_free_at_once(table: LeaseTable, stream: GroupStream) -> None:
    await table.sync(stream, [shard("a")])
    lease = await taken(table, stream)
    await table.save(stream, ME, [replace(update_of(lease, 4), is_released=True)])

    freed = await lease_of(table, stream)
    assert (freed.owner, freed.checkpoint) == (None, 4)
    assert await table.save(stream, ME, [update_of(lease, 5)]) == set()


async def test_a_recreated_stream_begins_without_checkpoints(table: LeaseTable, stream: GroupStream) -> None:
    await table.sync(stream, [shard("a")])
    await table.save(stream, ME, [update_of(await taken(table, stream), 4)])
    recreated = GroupStream(stream.group, stream.name, stream.incarnation + 1)

    await table.sync(recreated, [shard("a")])

    assert (await lease_of(table, recreated)).checkpoint is None
    assert await table.heartbeat(stream, ME, "me", {}) == []


async def test_shards_that_kinesis_forgot_unread_are_reported_once_and_block_nothing(
    table: LeaseTable, stream: GroupStream
) -> None:
    await table.sync(stream, [shard("a"), shard("b", "a")])

    assert await table.sync(stream, [shard("b", "a")]) == ["a"]
    assert await table.sync(stream, [shard("b", "a")]) == []
    assert (await taken(table, stream, name="b")).shard == "b"


async def test_a_dead_reader_is_removed_only_at_the_heartbeat_it_was_found_at(
    table: LeaseTable, stream: GroupStream
) -> None:
    await table.heartbeat(stream, OTHER, "other", {})
    heartbeat = (await table.readers(stream))[OTHER]
    await table.heartbeat(stream, OTHER, "other", {})

    await table.leave(stream, OTHER, heartbeat)
    assert OTHER in await table.readers(stream)
    await table.leave(stream, OTHER, heartbeat + 1)
    assert OTHER not in await table.readers(stream)


async def test_parcels_are_kept_for_as_long_as_their_records(table: LeaseTable) -> None:
    gone = await table.put_parcel(b"old", -1)
    kept = await table.put_parcel(b"new", 60)

    assert await table.parcels([gone, kept, kept + 1]) == {kept: b"new"}


async def test_missing_tables_are_reported_with_the_remedy(fresh_database: Callable[[], Awaitable[str]]) -> None:
    table = LeaseTable(await fresh_database(), "saga")
    stream = GroupStream("group", "stream", 1)
    for refused in (table.check(), table.readers(stream)):
        with pytest.raises(SchemaMismatch, match="saga bus ensure"):
            await refused
    assert len(await table.migrate()) == 1
    assert await table.pending() == []
    await table.check()
    await table.close()


async def test_without_a_database_for_leases_publishing_works_and_reading_is_refused(
    kinesis_endpoint: str, leases_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAGA_STORE", raising=False)
    url = services.bus_url(kinesis_endpoint, leases_url, prefix=prefix)
    without_leases = "&".join(part for part in url.split("&") if not part.startswith("leases="))
    async with connected(url, 1) as (reader,):
        bus, log = KinesisBus(Options.read(without_leases), "saga"), DeliveryLog()
        await log.publish(bus, 10)
        with pytest.raises(UsageError, match="SAGA_STORE"):
            await bus.ensure([TOPIC], GROUP)
        await bus.close()
        async with log.reading(reader):
            await log.complete()
