"""Kinesis accepts a part of a batch, throttles, or fails for a moment: only what it refused is sent again."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from saga.errors import AccessRefused, Unavailable
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog, numbered
from tests.kinesis.connections import connected
from tests.kinesis.faulty_endpoint import THROUGHPUT, FaultyEndpoint
from tests.kinesis.operator import Operator
from tests.services import kinesis as services


@pytest.fixture
async def faulty(kinesis_endpoint: str) -> AsyncIterator[FaultyEndpoint]:
    async with FaultyEndpoint(kinesis_endpoint).serving() as endpoint:
        yield endpoint


@pytest.fixture
def url(faulty: FaultyEndpoint, leases_url: str, prefix: str) -> str:
    return services.bus_url(faulty.url, leases_url, prefix=prefix, publish_timeout="1s", shards="2")


async def test_only_the_refused_records_are_sent_again(faulty: FaultyEndpoint, url: str, operator: Operator) -> None:
    async with connected(url, 1) as (bus,):
        faulty.drop_record = lambda number: number % 3 == 0

        await bus.publish(numbered(range(100)))

        log = DeliveryLog()
        log.published = set(range(100))
        async with log.reading(bus):
            await log.complete()
    assert faulty.calls["PutRecords"] > 2
    assert await operator.stored() == 100


@pytest.mark.parametrize(
    "refusal", [(400, THROUGHPUT), (400, "LimitExceededException"), (500, "InternalFailure"), (503, "")]
)
async def test_a_temporarily_refused_call_is_retried(
    faulty: FaultyEndpoint, url: str, operator: Operator, refusal: tuple[int, str]
) -> None:
    async with connected(url, 1) as (bus,):
        faulty.refuse = lambda operation: (
            refusal
            if operation in {"PutRecords", "GetRecords", "GetShardIterator"} and faulty.calls[operation] < 3
            else None
        )

        log = DeliveryLog()
        await log.publish(bus, 10)
        async with log.reading(bus):
            await log.complete()
    assert faulty.calls["PutRecords"] == 3
    assert await operator.stored() == 10


async def test_publishing_to_a_stream_that_refuses_everything_fails_in_time(faulty: FaultyEndpoint, url: str) -> None:
    async with connected(url, 1) as (bus,):
        faulty.refuse = lambda operation: (400, THROUGHPUT) if operation == "PutRecords" else None
        began_at = time.monotonic()

        with pytest.raises(Unavailable, match=f"3 of 3 records .*{THROUGHPUT}"):
            await bus.publish(numbered(range(3)))

        assert time.monotonic() - began_at < 2
        assert 3 < faulty.calls["PutRecords"] < 20


async def test_the_error_has_the_last_reason_even_if_the_last_call_timed_out(faulty: FaultyEndpoint, url: str) -> None:
    async with connected(url, 1) as (bus,):
        faulty.refuse = lambda operation: (400, THROUGHPUT) if operation == "PutRecords" else None
        faulty.stall = lambda operation: operation == "PutRecords" and faulty.calls[operation] > 1

        with pytest.raises(Unavailable, match=f"3 of 3 records .*{THROUGHPUT}"):
            await bus.publish(numbered(range(3)))


async def test_a_throttled_reader_slows_down_and_loses_nothing(faulty: FaultyEndpoint, url: str) -> None:
    async with connected(url, 1) as (bus,):
        log = DeliveryLog()
        async with log.publishing(bus), log.reading(bus):
            faulty.refuse = lambda operation: (
                (400, THROUGHPUT) if operation == "GetRecords" and faulty.calls[operation] % 2 else None
            )
            await log.more(100)
        async with log.reading(bus):
            await log.complete()


async def test_refused_credentials_are_reported_without_being_shown(faulty: FaultyEndpoint, url: str) -> None:
    async with connected(url, 1) as (bus,):
        faulty.refuse = lambda _: (400, "UnrecognizedClientException")

        with pytest.raises(AccessRefused, match="credentials") as refused:
            await bus.publish(numbered([1]))
        assert "test" not in str(refused.value).replace(TOPIC, "")


async def test_a_shard_is_read_at_most_as_often_as_the_url_says(faulty: FaultyEndpoint, url: str) -> None:
    url = url.replace("poll=10ms", "poll=200ms").replace("idle=20ms", "idle=200ms").replace("shards=2", "shards=1")
    async with connected(url, 1) as (bus,):
        log = DeliveryLog()
        async with log.publishing(bus), log.reading(bus):
            began_at, reads = time.monotonic(), faulty.calls["GetRecords"]
            await log.more(300)
            assert faulty.calls["GetRecords"] - reads <= (time.monotonic() - began_at) / 0.2 + 1


async def test_reading_ahead_stops_at_the_limit(faulty: FaultyEndpoint, url: str) -> None:
    async with connected(f"{url}&unacked=5", 1) as (bus,):
        await bus.publish(numbered(range(40)))
        arrived: set[bytes] = set()
        async with bus.subscribe([TOPIC], GROUP, limit=100) as subscription:
            while len(arrived) < 40:
                taken = await anext(aiter(subscription))
                (member,) = next(iter(bus._subscriptions))._members
                assert all(reader.progress.unacknowledged <= 5 for reader in member.readers.values())
                arrived |= {delivery.message.body for delivery in taken}
                await subscription.ack(taken)
    assert faulty.calls["GetRecords"] >= 8
