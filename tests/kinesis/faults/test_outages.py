"""Kinesis or the database dies, hangs or is cut off, records are unreadable, streams are recreated: the bus recovers by itself."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from saga.errors import NotFound, Unavailable
from saga.ports.bus import Message
from saga_kinesis import open_bus
from saga_kinesis.record_format import pack
from tests.adapters.delivery_log import TOPIC, DeliveryLog, numbered
from tests.kinesis.connections import connected
from tests.kinesis.operator import Operator
from tests.runtime.world import until
from tests.services import kinesis as services
from tests.services.proxy import Proxy

WARM = 60


async def test_nothing_is_lost_when_kinesis_is_killed_under_load(
    kinesalite: services.Kinesalite, leases_url: str, prefix: str
) -> None:
    log = DeliveryLog()
    async with connected(services.bus_url(kinesalite.endpoint, leases_url, prefix=prefix), 2) as (publisher, reader):
        async with log.publishing(publisher), log.reading(reader):
            for _ in range(3):
                await log.more(WARM)
                kinesalite.kill()
                kinesalite.start()
            await log.more(WARM)
        async with log.reading(reader):
            await log.complete()


async def test_cut_and_silent_connections_are_replaced(kinesis_endpoint: str, leases_url: str, prefix: str) -> None:
    log = DeliveryLog()
    with Proxy.before(kinesis_endpoint) as proxy:
        url = services.bus_url(
            proxy.through(kinesis_endpoint), leases_url, prefix=prefix, timeout="500ms", publish_timeout="1s"
        )
        async with connected(url, 2) as (publisher, reader):
            async with log.publishing(publisher), log.reading(reader):
                await log.more(WARM)
                assert proxy.cut() > 0
                await log.more(WARM)
                proxy.hold()
                await until(lambda: log.failures["Unavailable"], "a publish into the black hole fails")
                proxy.release()
                await log.more(WARM)
            async with log.reading(reader):
                await log.complete()


async def test_nothing_is_handed_out_while_the_lease_database_is_unreachable(
    kinesis_endpoint: str, leases_url: str, prefix: str
) -> None:
    log = DeliveryLog()
    with Proxy.before(leases_url) as proxy:
        url = services.bus_url(kinesis_endpoint, proxy.through(leases_url), prefix=prefix, shards="1")
        async with connected(url, 2) as (publisher, reader), log.reading(reader):
            await log.publish(publisher, WARM)
            await log.complete()
            (member,) = next(iter(reader._subscriptions))._members
            proxy.refuse()
            proxy.cut()
            await until(lambda: not member.trusted_readers(), "the reader no longer trusts its lease")
            await log.publish(publisher, WARM)
            assert member.readers
            assert set(log.arrived) == set(range(WARM))
            proxy.accept()
            await log.complete()
    assert log.duplicates == 0


async def test_after_an_expired_iterator_reading_continues_behind_the_last_record(
    kinesalite: services.Kinesalite, leases_url: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    log = DeliveryLog()
    url = services.bus_url(kinesalite.endpoint, leases_url, prefix=prefix)
    async with connected(url, 2) as (publisher, reader), log.reading(reader):
        await log.publish(publisher, WARM)
        await log.complete()
        for _ in range(2):
            kinesalite.expire_iterators()
            await log.publish(publisher, WARM)
        await log.complete()
    assert log.duplicates == 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_recreated_stream_is_read_from_its_beginning(bus_url: str, operator: Operator) -> None:
    log = DeliveryLog()
    async with connected(bus_url, 2) as (publisher, reader), log.reading(reader):
        await log.publish(publisher, WARM)
        await log.complete()
        made_at = (await operator.api.describe(operator.stream)).incarnation
        await until(lambda: time.time() * 1000 > made_at + 4000, "another second has begun: Kinesis has no finer time")
        await operator.delete()
        await log.publish(publisher, WARM)
        await log.complete()
        assert (await operator.api.describe(operator.stream)).incarnation > made_at


async def test_unreadable_records_are_skipped_and_counted(
    bus_url: str, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    log = DeliveryLog()
    poison = [b"", b"\x00" * 10, b"{}", b"\xff" * 100, pack(Message(TOPIC, b"k", b"", {}), parcel=2**40)]
    async with connected(bus_url, 1) as (bus,):
        await operator.put_raw(*poison * 20)
        async with log.reading(bus):
            await log.publish(bus, WARM)
            await log.complete()
            (member,) = next(iter(bus._subscriptions))._members
            await until(lambda: sum(r.unreadable for r in member.readers.values()) == 100, "all of them are counted")
            await until(lambda: not any(r.is_dirty for r in member.readers.values()), "they are behind the checkpoint")
    assert sum("nobody can read" in record.message for record in caplog.records) <= 1


async def test_a_group_without_checkpoints_receives_everything_again(bus_url: str, operator: Operator) -> None:
    log = DeliveryLog()
    async with connected(bus_url, 1) as (bus,):
        await log.publish(bus, WARM)
        async with log.reading(bus):
            await log.complete()
        await operator.rows("delete from lease where stream = $1")

        async with log.reading(bus):
            await until(lambda: set(log.arrived.values()) == {2}, "all come again")


async def test_a_missing_stream_is_not_created_implicitly(bus_url: str, operator: Operator) -> None:
    async with connected(bus_url, 1) as (bus,):
        await operator.delete()
        strict = bus_url.replace("create=yes", "create=no")
        with pytest.raises(NotFound, match="saga bus ensure"):
            async with connected(strict, 1):
                pass
        with pytest.raises(NotFound, match="saga bus ensure"):
            await _publish_once(strict)
        assert not bus._is_closed


async def test_closing_is_bounded_in_time_when_nothing_answers(
    kinesis_endpoint: str, leases_url: str, prefix: str
) -> None:
    with Proxy.before(kinesis_endpoint) as proxy, Proxy.before(leases_url) as other:
        url = services.bus_url(proxy.through(kinesis_endpoint), other.through(leases_url), prefix=prefix)
        async with connected(url, 1) as (bus,):
            log = DeliveryLog()
            await log.publish(bus, WARM)
            async with asyncio.timeout(12):
                async with log.reading(bus):
                    await log.complete()
                    proxy.hold()
                    other.hold()
                await bus.close()
            proxy.heal()
            other.heal()


async def test_an_unreachable_endpoint_is_named(leases_url: str) -> None:
    with pytest.raises(Unavailable, match=r"kinesis at 127\.0\.0\.1:9 .*endpoint_url"):
        async with connected(services.bus_url("http://127.0.0.1:9", leases_url), 1) as (bus,):
            await bus.publish(numbered([1]))


async def _publish_once(url: str) -> None:
    bus = open_bus(url, "saga")
    try:
        await bus.publish(numbered([1]))
    finally:
        await bus.close()
