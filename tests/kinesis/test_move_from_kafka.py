"""An installation moves from Kafka to Kinesis under load, as the how-to describes, and loses no saga."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this file)
from tests.runtime.bus.moving_fleet import MovingFleet
from tests.services import kafka, kinesis
from tests.services.places import or_skip


@pytest.fixture
def kafka_url() -> Iterator[str]:
    with or_skip(kafka.kafka()) as url:
        yield url


async def test_an_installation_moves_from_kafka_to_kinesis_without_losing_a_saga(
    kafka_url: str,
    kinesis_endpoint: str,
    prefix: str,
    store_url: str,  # noqa: F811
) -> None:
    old = f"{kafka_url}&prefix={prefix}"
    new = kinesis.bus_url(kinesis_endpoint, store_url, prefix=prefix, poll="100ms", idle="300ms")
    async with MovingFleet(store_url) as fleet:
        await fleet.move(old, new)
