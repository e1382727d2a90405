"""Publishing: a failed producer is replaced, and limits are checked first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from saga.errors import InputRefused, NotFound
from saga.ports.bus import BODY_BYTES_MAX, Bus, Message
from saga_kafka.bus import KafkaBus
from saga_kafka.options import Options
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog, numbered

MESSAGES_MAX = 1_000


@pytest.fixture
async def bus(kafka_url: str) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(Options.read(kafka_url), "saga")
    yield bus
    await bus.close()


async def make_topic(url: str, **settings: str) -> None:
    options = Options.read(url)
    admin = AIOKafkaAdminClient(**options.client())
    await admin.start()
    await admin.create_topics([NewTopic(options.prefix + TOPIC, 1, 1, topic_configs=settings)])
    await admin.close()


async def arrived(bus: Bus, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(20), bus.subscribe([TOPIC], GROUP, limit=100) as subscription:
        async for deliveries in subscription:
            found += [delivery.message.body for delivery in deliveries]
            await subscription.ack(deliveries)
            if len(found) >= count:
                return found
    raise AssertionError


async def test_a_batch_refused_by_a_broker_does_not_end_the_publisher(kafka_url: str, bus: KafkaBus) -> None:
    """A refused batch uses up sequence numbers of the idempotent producer: the next batch is out of order, which is fatal."""
    await make_topic(kafka_url, **{"max.message.bytes": "2000"})
    await bus.publish(numbered([1]))

    with pytest.raises(InputRefused, match="saga doctor"):
        await bus.publish([Message(TOPIC, b"k", b"x" * 5_000)])

    await bus.publish(numbered([2]))
    assert sorted(await arrived(bus, 2)) == [b"1", b"2"]


async def test_a_failed_producer_is_replaced_within_the_same_publish(bus: KafkaBus) -> None:
    await bus.ensure([TOPIC], GROUP)
    await bus.publish(numbered([1]))
    publisher, _ = bus._opened()
    first = publisher._producer
    assert first is not None
    for place in list(first._txn_manager._sequence_numbers):
        first._txn_manager.increment_sequence_number(place, 100)

    last = 1
    while publisher._producer is first:  # the partition of each message is drawn at random
        last += 1
        assert last < MESSAGES_MAX, "the partition of the first message is never drawn"
        await bus.publish(numbered([last]))

    assert {int(body) for body in await arrived(bus, last)} == set(range(1, last + 1))


async def test_a_cancelled_publish_leaves_the_next_one_in_order(bus: KafkaBus) -> None:
    await bus.ensure([TOPIC], GROUP)
    publishing = asyncio.create_task(bus.publish(numbered(range(5_000))))
    await asyncio.sleep(0)
    publishing.cancel()
    await asyncio.wait([publishing])

    await bus.publish(numbered([5_000]))

    log = DeliveryLog()
    async with log.reading(bus):
        log.published = {5_000}
        await log.complete()


async def test_a_too_large_body_or_header_is_refused_before_anything_is_sent(bus: KafkaBus) -> None:
    await bus.ensure([TOPIC], GROUP)
    good = numbered([1])

    with pytest.raises(InputRefused):
        await bus.publish([*good, Message(TOPIC, b"k", b"x" * (BODY_BYTES_MAX + 1))])
    with pytest.raises(InputRefused):
        await bus.publish([*good, Message(TOPIC, b"k", b"", {"name": "x" * 10_000})])

    await bus.publish(numbered([2]))
    assert await arrived(bus, 1) == [b"2"]


async def test_headers_arrive_with_their_message(bus: KafkaBus) -> None:
    await bus.ensure([TOPIC], GROUP)
    sent = Message(TOPIC, b"k", b"body", {"traceparent": "00-1", "name": "Zoë"})

    await bus.publish([sent])

    async with asyncio.timeout(20), bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
        (delivery,) = await anext(aiter(subscription))
    assert delivery.message == sent


async def test_publishing_to_a_missing_topic_names_the_remedy(kafka_url: str) -> None:
    bus = KafkaBus(Options.read(kafka_url.replace("create=1", "create=0")), "saga")

    for attempt in (bus.publish(numbered([1])), bus.ensure([TOPIC], GROUP)):
        with pytest.raises(NotFound, match="saga bus ensure"):
            await attempt

    await bus.close()
