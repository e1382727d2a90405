"""`saga bus ensure` creates streams and lease tables; `saga doctor` reports what is wrong with them, and the remedy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from saga.ports.bus_doctor import BusDoctor, Check
from saga_kinesis import open_bus, open_doctor
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog
from tests.kinesis.operator import Operator
from tests.services import kinesis as services

STREAMS = {"create": "no", "shards": "2", "retention": "48h"}


@pytest.fixture
async def url(kinesis_endpoint: str, fresh_database: Callable[[], Awaitable[str]], prefix: str) -> str:
    """A bus without streams and lease tables."""
    return services.bus_url(kinesis_endpoint, await fresh_database(), prefix=prefix, **STREAMS)


@pytest.fixture
async def doctor(url: str) -> AsyncIterator[BusDoctor]:
    doctor = open_doctor(url, "saga")
    yield doctor
    await doctor.close()


async def examined(doctor: BusDoctor) -> list[Check]:
    return [check async for check in doctor.examine([TOPIC])]


async def test_missing_streams_and_tables_are_reported_and_created_once(
    doctor: BusDoctor, url: str, prefix: str
) -> None:
    missing = await examined(doctor)

    assert [(check.name, check.ok, check.remedy) for check in missing] == [
        ("leases", False, "saga bus ensure"),
        ("stream", False, "saga bus ensure"),
    ]
    assert await doctor.create([TOPIC]) == ["saga_kinesis 0001_leases", prefix + TOPIC]
    assert await doctor.create([TOPIC]) == []
    sound = await examined(doctor)
    assert all(check.ok for check in sound)
    assert sound[1].detail == f"{prefix}{TOPIC}: 2 shards, 48 h, not encrypted at rest"

    bus, log = open_bus(url, "saga"), DeliveryLog()
    await bus.ensure([TOPIC], GROUP)
    await log.publish(bus, 10)
    async with log.reading(bus):
        await log.complete()
    await bus.close()


async def test_a_stream_with_less_retention_or_fewer_shards_than_the_url_is_reported(
    doctor: BusDoctor, url: str
) -> None:
    await doctor.create([TOPIC])
    for old, new, remedy in (
        ("retention=48h", "retention=72h", "increase-stream-retention-period"),
        ("shards=2", "shards=3", "update-shard-count"),
    ):
        stricter = open_doctor(url.replace(old, new), "saga")
        checks = await examined(stricter)
        await stricter.close()
        assert [check.ok for check in checks] == [True, False]
        assert remedy in str(checks[1].remedy)


async def test_an_existing_stream_is_not_changed(doctor: BusDoctor, url: str) -> None:
    await doctor.create([TOPIC])
    other = open_doctor(url.replace("shards=2", "shards=5"), "saga")
    assert await other.create([TOPIC]) == []
    await other.close()
    async with Operator(url) as operator:
        assert len(await operator.open_shards()) == 2


async def test_an_unreachable_service_is_reported(
    leases_url: str,
) -> None:
    doctor = open_doctor(services.bus_url("http://127.0.0.1:9", leases_url), "saga")
    leases, bus = await examined(doctor)
    await doctor.close()

    assert leases.ok
    assert not bus.ok
    assert "127.0.0.1:9" in bus.detail
