"""Shards are split and merged under load: nothing is lost, and parents are read before their children."""

from __future__ import annotations

import asyncio
import hashlib

from saga.ports.bus import Message, Subscription
from saga_kinesis.bus import KinesisBus
from saga_kinesis.client import Shard
from saga_kinesis.record_format import partition_key
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog
from tests.kinesis.operator import Operator
from tests.runtime.world import ended, until

WARM = 60


def key_within(shard: Shard) -> bytes:
    """A key whose messages go to this shard."""
    for number in range(10_000):
        key = b"%d" % number
        digest = hashlib.md5(partition_key(Message(TOPIC, key, b"")).encode(), usedforsecurity=False).digest()
        if shard.first_hash <= int.from_bytes(digest) <= shard.last_hash:
            return key
    raise AssertionError("no key found")


async def test_a_stream_that_is_split_and_merged_under_load_loses_nothing(
    buses: list[KinesisBus], operator: Operator
) -> None:
    publisher, *readers = buses
    log = DeliveryLog()

    async with log.publishing(publisher), log.reading(*readers):
        await log.more(WARM)
        for shard in await operator.open_shards():
            await operator.split(shard)
        await log.more(WARM)
        left, right, *others = await operator.open_shards()
        await operator.merge(left, right)
        await operator.split(others[-1])
        await log.more(WARM)
    async with log.reading(*readers):
        await log.complete()

    assert len(await operator.open_shards()) == 4
    assert log.duplicates == 0


async def test_the_children_of_a_shard_wait_until_its_last_record_is_acknowledged(
    buses: list[KinesisBus], operator: Operator
) -> None:
    bus, other, _ = buses
    first, second = await operator.open_shards()
    key, elsewhere = key_within(first), key_within(second)
    await bus.publish([Message(TOPIC, key, b"parent")])
    async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
        (parent,) = await anext(aiter(subscription))
        await operator.split(first)
        await bus.publish([Message(TOPIC, key, b"child"), Message(TOPIC, elsewhere, b"elsewhere")])
        (delivery,) = await anext(aiter(subscription))
        await subscription.ack([delivery])
        assert delivery.message.body == b"elsewhere"
        async with other.subscribe([TOPIC], GROUP, limit=10) as second_subscription:
            arriving = [asyncio.create_task(_body(each)) for each in (subscription, second_subscription)]
            await until(lambda: _is_known(operator, first, readers=2), "both readers know of the children")
            assert not any(task.done() for task in arriving)
            await subscription.ack([parent])
            done, waiting = await asyncio.wait(arriving, return_when=asyncio.FIRST_COMPLETED, timeout=10)
            assert [task.result() for task in done] == [b"child"]
            for task in waiting:
                await ended(task)


async def test_readers_that_join_and_leave_share_the_shards(buses: list[KinesisBus]) -> None:
    publisher, first, second = buses
    log = DeliveryLog()

    async with log.publishing(publisher), log.reading(first):
        await log.more(WARM)
        async with log.reading(second):
            await until(lambda: _held(first) == _held(second) == 1, "each reads one of the two shards")
            await log.more(WARM)
        await until(lambda: _held(first) == 2, "the remaining reader reads both")
        await log.more(WARM)
    async with log.reading(first):
        await log.complete()

    assert log.duplicates == 0


def _held(bus: KinesisBus) -> int:
    return sum(len(member.trusted_readers()) for subscription in bus._subscriptions for member in subscription._members)


async def _is_known(operator: Operator, parent: Shard, *, readers: int) -> bool:
    children = await operator.rows("select owner from lease where stream = $1 and $2 = any (parents)", parent.id)
    assert all(child["owner"] is None for child in children)
    return (
        len(children) == 2
        and len(await operator.rows("select 1 from reader where stream = $1 and beat > 1")) == readers
    )


async def _body(subscription: Subscription) -> bytes:
    return (await anext(aiter(subscription)))[0].message.body
