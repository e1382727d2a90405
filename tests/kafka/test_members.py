"""Members of a group: their deliveries at a rebalance, how they return, and the cost of a backlog."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from saga.ports.bus import Bus, Delivery, Subscription
from saga_kafka.bus import KafkaBus
from saga_kafka.options import Options
from saga_kafka.subscription import IN_HAND_MAX, SETTLE_SECONDS, KafkaSubscription
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog, numbered
from tests.runtime.world import until

BACKLOG = 100_000
FULL_GROWTH_MIB_MAX = 20
GROWTH_MIB_MAX = 60

Connect = Callable[..., Awaitable[KafkaBus]]


@pytest.fixture
async def connect(kafka_url: str) -> AsyncIterator[Connect]:
    async with AsyncExitStack() as buses:

        async def opened(*more: str) -> KafkaBus:
            bus = KafkaBus(Options.read("&".join([kafka_url, *more])), "saga")
            buses.push_async_callback(bus.close)
            await bus.ensure([TOPIC], GROUP)
            return bus

        yield opened


def subscription_of(bus: KafkaBus) -> KafkaSubscription:
    (subscription,) = bus._subscriptions
    return subscription


async def next_batch(subscription: Subscription) -> list[Delivery]:
    async with asyncio.timeout(20):
        return list(await anext(aiter(subscription)))


async def test_deliveries_acknowledged_during_a_rebalance_do_not_come_again(connect: Connect) -> None:
    bus, other, log = await connect(), await connect(), DeliveryLog()
    await bus.publish(numbered(range(20)))
    async with bus.subscribe([TOPIC], GROUP, limit=100) as subscription:
        held: list[Delivery] = []
        while len(held) < 20:
            held += await next_batch(subscription)
        async with log.reading(other):
            revoked = subscription_of(bus)
            await until(lambda: revoked._epoch > 0, "the group is being rebalanced")
            await subscription.ack(held)
            await bus.publish(numbered([20]))
            await until(lambda: log.arrived[20] or revoked._ready, "a member has the next one")
    async with log.reading(bus):
        await until(lambda: log.arrived[20], "the last one has arrived")
    assert set(log.arrived) == {20}


async def test_deliveries_not_acknowledged_at_a_rebalance_go_to_the_new_owner(connect: Connect) -> None:
    bus, other, log = await connect(), await connect(), DeliveryLog()
    for number in range(20):  # one by one, so that each partition has some
        await bus.publish(numbered([number]))
    async with bus.subscribe([TOPIC], GROUP, limit=100) as subscription:
        held: list[Delivery] = []
        while len(held) < 20:
            held += await next_batch(subscription)
        began = time.monotonic()
        async with log.reading(other):
            await until(lambda: log.arrived, "the other member has some of them")
            assert time.monotonic() - began >= SETTLE_SECONDS
            await subscription.ack(held)  # too late, and harmless
    log.published = set(range(20))
    async with log.reading(other):
        await log.complete()


async def test_a_slow_handler_does_not_end_the_membership(connect: Connect) -> None:
    """The group only sees the polling, which continues while the consumer holds a batch."""
    bus = await connect()
    await bus.publish(numbered(range(2_000)))
    async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
        held = await next_batch(subscription)
        inside = subscription_of(bus)
        await until(lambda: inside._is_paused, "two batches are ready, and the partitions paused")
        paused_at = time.monotonic()
        await until(lambda: time.monotonic() - paused_at > 1, "a second of work")
        assert len(inside._ready) <= 40
        assert inside._consumer._subscription.fetcher_idle_time < 0.5
        await subscription.ack(held)
        assert await next_batch(subscription)


async def test_unacknowledged_deliveries_pause_the_reading(connect: Connect) -> None:
    bus = await connect()
    await bus.publish(numbered(range(IN_HAND_MAX + 5_000)))
    async with bus.subscribe([TOPIC], GROUP, limit=1_000) as subscription:
        held: list[Delivery] = []
        inside = subscription_of(bus)
        while not (inside._is_paused and not inside._ready and len(held) >= IN_HAND_MAX):
            held += await next_batch(subscription)
        waiting = asyncio.create_task(next_batch(subscription))
        await subscription.ack(held)
        async with asyncio.timeout(20):
            assert await waiting


async def test_a_backlog_takes_little_memory(connect: Connect) -> None:
    bus = await connect()
    await _fill(bus, BACKLOG)
    before = _resident_mib()
    arrived = 0
    async with asyncio.timeout(60), bus.subscribe([TOPIC], GROUP, limit=256) as subscription:
        async for deliveries in subscription:
            arrived += len(deliveries)
            await subscription.ack(deliveries)
            if arrived >= BACKLOG:
                break
    assert _resident_mib() - before < GROWTH_MIB_MAX


@pytest.mark.chaos
async def test_a_backlog_of_a_million_takes_no_more_memory_than_one_of_a_hundred_thousand(connect: Connect) -> None:
    bus = await connect()
    await _fill(bus, 1_000_000)
    arrived, full_mib = 0, 0.0
    async with asyncio.timeout(110), bus.subscribe([TOPIC], GROUP, limit=256) as subscription:
        async for deliveries in subscription:
            arrived += len(deliveries)
            await subscription.ack(deliveries)
            if not full_mib and arrived >= 100_000:
                full_mib = _resident_mib()  # all buffers have been in use
            if arrived >= 1_000_000:
                break
    assert _resident_mib() - full_mib < FULL_GROWTH_MIB_MAX


async def test_a_static_member_that_comes_back_is_not_noticed_by_the_others(connect: Connect) -> None:
    first, second = await connect("instance=a"), await connect("instance=b")
    log = DeliveryLog()
    async with log.reading(second):
        async with log.reading(first):
            await until(lambda: first._subscriptions and second._subscriptions, "both read")
            other = subscription_of(second)
            await until(lambda: len(other._consumer.assignment()) in {1, 2}, "they share the partitions")
            epoch, share = other._epoch, other._consumer.assignment()
        async with log.reading(await connect("instance=a")):
            await log.publish(first, 100)
            await log.complete()
            assert (other._epoch, other._consumer.assignment()) == (epoch, share)


async def _fill(bus: Bus, count: int) -> None:
    for start in range(0, count, 10_000):
        await bus.publish(numbered(range(start, start + 10_000)))


def _resident_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
