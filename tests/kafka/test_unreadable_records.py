"""Records that nobody can read, in any codec or none: they are skipped, and their partition is read on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaConnectionError, UnsupportedCodecError

from saga.errors import Unavailable
from saga.ports.bus import Bus, Message
from saga.testing.suites.bus import take
from saga_kafka import open_bus
from saga_kafka.options import Options
from saga_kafka.record_reader import FAILURES_MAX, RecordReader
from saga_kafka.subscription import KafkaSubscription
from tests.kafka.poison import write_broken_names

TOPIC: Final = "saga.unreadable.shop"
UNREADABLE: Final = 2 * 3 * 3  # batches, partitions, records


@pytest.fixture
async def bus(kafka_url: str) -> AsyncIterator[Bus]:
    made = open_bus(kafka_url, "unreadable")
    await made.ensure([TOPIC], "shop")
    yield made
    await made.close()


def messages(numbers: range) -> list[Message]:
    return [Message(TOPIC, b"k", b"%d" % number) for number in numbers]


async def on_each_partition(
    url: str, write: Callable[[AIOKafkaProducer, str, int], Awaitable[None]], **how: Any
) -> None:
    """Writes to each partition of the topic with a producer that is not Saga's."""
    options = Options.read(url)
    producer = AIOKafkaProducer(bootstrap_servers=list(options.servers), **how)
    await producer.start()
    try:
        topic = options.prefix + TOPIC
        for partition in sorted(await producer.partitions_for(topic)):
            await write(producer, topic, partition)
    finally:
        await producer.stop()


async def write_text(producer: AIOKafkaProducer, topic: str, partition: int) -> None:
    for _ in range(2):
        await producer.send_and_wait(topic, b"x" * 2_000, partition=partition)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_compressed_batch_of_a_stranger_is_read(codec: str, bus: Bus, kafka_url: str) -> None:
    async with bus.subscribe([TOPIC], "shop", limit=100) as subscription:
        await on_each_partition(kafka_url, write_text, compression_type=codec)
        await bus.publish(messages(range(20)))
        bodies = [delivery.message.body for delivery in await take(subscription, 26)]

    assert sorted(bodies, key=len)[-6:] == [b"x" * 2_000] * 6
    assert {int(body) for body in bodies if body.isdigit()} == set(range(20))


async def test_records_that_the_driver_cannot_read_are_skipped(bus: Bus, kafka_url: str) -> None:
    await bus.publish(messages(range(20)))
    await on_each_partition(kafka_url, write_broken_names)
    await bus.publish(messages(range(20, 40)))
    async with bus.subscribe([TOPIC], "shop", limit=100) as subscription:
        found = await numbers(subscription, set(range(20)))
        await on_each_partition(kafka_url, write_broken_names)
        await bus.publish(messages(range(40, 200)))
        while len(found) < 200 - UNREADABLE:  # no more good records are skipped than unreadable ones
            found |= await numbers(subscription, set())


async def test_a_subscription_starts_behind_the_records_that_were_skipped(bus: Bus, kafka_url: str) -> None:
    await on_each_partition(kafka_url, write_broken_names)
    await bus.publish(messages(range(60)))
    async with bus.subscribe([TOPIC], "shop", limit=100) as subscription:
        taken = await take(subscription, 40)
        await subscription.ack(taken)
    await bus.publish(messages(range(60, 80)))
    async with bus.subscribe([TOPIC], "shop", limit=100) as subscription:
        assert await numbers(subscription, set(range(60, 80))) >= set(range(60, 80))


async def numbers(subscription: Any, wanted: set[int]) -> set[int]:
    found = {int(delivery.message.body) for delivery in await take(subscription, 1)}
    while not wanted <= found:
        found |= {int(delivery.message.body) for delivery in await take(subscription, 1)}
    return found


FOREIGN: Final[Sequence[Exception]] = (
    AssertionError("driver"),
    KeyError("partition"),
    ValueError("Unknown compression codec 7"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    UnsupportedCodecError("Libraries for zstd compression codec not found"),
    CorruptRecordException(),
    KafkaConnectionError("gone"),
    MemoryError(),
)


class FailingConsumer:
    """A driver whose reads fail for ever, or find nothing."""

    def __init__(self, error: Exception | None, partitions: int) -> None:
        self._error = error
        self._partitions = {TopicPartition(TOPIC, number) for number in range(partitions)}

    async def getmany(self, *_: object, **__: object) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        return {}

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def committed(self, partition: TopicPartition) -> None: ...

    async def commit(self, offsets: object) -> None: ...

    async def seek_to_beginning(self, *_: TopicPartition) -> None: ...

    async def position(self, _: TopicPartition) -> int:
        return 0

    def subscribe(self, topics: list[str], listener: object) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None: ...

    def highwater(self, _: TopicPartition) -> int:
        return 1_000_000

    def assignment(self) -> set[TopicPartition]:
        return self._partitions


async def no_commits(*_: object) -> dict[TopicPartition, Any]:
    return {}


def opened_on(consumer: FailingConsumer, monkeypatch: pytest.MonkeyPatch) -> KafkaSubscription:
    monkeypatch.setattr("saga_kafka.subscription.AIOKafkaConsumer", lambda **_: consumer)
    return KafkaSubscription(Options.read("kafka://h:1"), [TOPIC], "g", 10, no_commits)


@pytest.mark.parametrize("error", FOREIGN, ids=repr)
@pytest.mark.parametrize("assigned", [0, 2])
async def test_a_driver_that_always_fails_ends_the_subscription(
    error: Exception, assigned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = opened_on(FailingConsumer(error, assigned), monkeypatch)
    await subscription.open()
    async with asyncio.timeout(10):
        with pytest.raises((type(error), Unavailable)) as raised:
            await anext(subscription)
        await subscription.close()
    assert raised.value is error or type(error).__name__ in str(raised.value)


async def test_a_commit_loop_that_fails_ends_the_subscription(monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = opened_on(FailingConsumer(None, 1), monkeypatch)

    async def fail() -> None:
        raise KeyError("offsets")

    monkeypatch.setattr(subscription, "_commit", fail)
    await subscription.open()
    subscription._acked.set()
    async with asyncio.timeout(10):
        with pytest.raises(KeyError, match="offsets"):
            await anext(subscription)
    monkeypatch.undo()
    await subscription.close()


class RebalancedConsumer(FailingConsumer):
    """A driver that cannot read a record; the group is rebalanced during one of the calls that follow."""

    def __init__(self, during: str) -> None:
        super().__init__(KeyError("record"), 1)
        self.reader = RecordReader(self, 10)
        self.asked = list[tuple[TopicPartition, ...]]()
        self._during = during

    async def getmany(self, *partitions: TopicPartition, **_: object) -> dict[TopicPartition, list[Any]]:
        self.asked.append(partitions)
        if partitions and self._during == "an empty read":
            self._rebalance()
            return {}
        if partitions and self._during == "a failing read":
            self._rebalance()
        raise KeyError("record")

    async def committed(self, _: TopicPartition) -> None:
        if self._during == "committed":
            self._rebalance()

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        assert {*partitions} <= self._partitions

    async def position(self, partition: TopicPartition) -> int:
        assert partition in self._partitions
        if self._during == "position":
            self._rebalance()
        return 0

    def highwater(self, partition: TopicPartition) -> int:
        assert partition in self._partitions
        return 1_000_000

    def seek(self, partition: TopicPartition, _: int) -> None:
        assert partition in self._partitions

    def _rebalance(self) -> None:
        self._during = ""
        self._partitions = {TopicPartition(TOPIC, 7)}
        self.reader.forget()


@pytest.mark.parametrize("during", ["an empty read", "a failing read", "committed", "position"])
async def test_a_rebalance_while_records_are_read_one_by_one_does_not_end_the_subscription(during: str) -> None:
    consumer = RebalancedConsumer(during)

    for _ in range(4):
        assert await consumer.reader.read() == {}

    assert consumer.asked[-1] == (TopicPartition(TOPIC, 7),)


async def test_an_error_that_never_ends_is_not_skipped_for_ever() -> None:
    reader = RecordReader(FailingConsumer(KeyError("driver"), 1), 10)
    for _ in range(FAILURES_MAX):
        assert await reader.read() == {}
    with pytest.raises(KeyError):
        await reader.read()
