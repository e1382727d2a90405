"""Brokers die and connections go silent: no published message is lost, and the bus recovers by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from saga.ports.bus import Bus
from saga_kafka import open_bus
from saga_kafka.options import Options
from saga_postgres.embedded.child import LOOPBACK, free_port
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog, numbered
from tests.runtime.world import until
from tests.services.kafka import Cluster, Shape, cluster
from tests.services.places import or_skip
from tests.services.proxy import Proxy

WARM: Final = 100


@pytest.fixture(scope="module")
def one_broker() -> Iterator[Cluster]:
    with or_skip(cluster()) as found:
        yield found


class Buses:
    """Connections on a topic prefix of their own, closed at the end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._open: list[Bus] = []

    async def connect(self) -> Bus:
        bus = open_bus(self.url, "saga")
        self._open.append(bus)
        await bus.ensure([TOPIC], GROUP)
        return bus

    async def close(self) -> None:
        for bus in self._open:
            await bus.close()


@pytest.fixture
async def buses(one_broker: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Buses]:
    buses = Buses(f"{one_broker.url}&prefix={abs(hash(request.node.nodeid))}.")
    yield buses
    await buses.close()


async def test_nothing_is_lost_when_a_broker_is_killed_under_load(one_broker: Cluster, buses: Buses) -> None:
    publisher, reader, log = await buses.connect(), await buses.connect(), DeliveryLog()

    async with log.publishing(publisher), log.reading(reader):
        await log.more(WARM)
        await asyncio.to_thread(one_broker.kill, 1)
        one_broker.start(1)
        await log.more(WARM)
    async with log.reading(reader):
        await log.complete()


async def test_a_recreated_topic_is_read_and_written_again(buses: Buses) -> None:
    publisher, reader, log = await buses.connect(), await buses.connect(), DeliveryLog()
    options = Options.read(buses.url)
    admin = AIOKafkaAdminClient(**options.client())
    await admin.start()
    try:
        async with log.publishing(publisher), log.reading(reader):
            await log.more(WARM)
            await admin.delete_topics([options.prefix + TOPIC])
            await until(lambda: _is_gone(admin, options.prefix + TOPIC), "the topic is gone")
            fresh = await buses.connect()
            await fresh.ensure([TOPIC], GROUP)
            log.published.clear()
            await log.more(WARM, seconds=60)
    finally:
        await admin.close()


async def test_a_group_reset_to_the_first_offset_receives_everything_again(buses: Buses) -> None:
    publisher, reader, log = await buses.connect(), await buses.connect(), DeliveryLog()
    await log.publish(publisher, 200)
    async with log.reading(reader):
        await log.complete()
    options = Options.read(buses.url)
    partitions = [TopicPartition(options.prefix + TOPIC, number) for number in range(options.partitions)]
    async with AIOKafkaConsumer(
        **options.client(), group_id=f"{options.prefix}saga.saga.{GROUP}", enable_auto_commit=False
    ) as operator:
        operator.assign(partitions)
        await operator.commit(dict.fromkeys(partitions, 0))

    async with log.reading(reader):
        await until(lambda: all(log.arrived[number] == 2 for number in log.published), "all come again")


async def test_cut_and_silent_connections_are_replaced() -> None:
    port = free_port()
    with Proxy(LOOPBACK, port) as proxy, or_skip(cluster(Shape(port=port, advertised=proxy.port))) as broker:
        buses, log = Buses(f"{broker.url}&session=6s".replace(str(port), str(proxy.port))), DeliveryLog()
        publisher, reader = await buses.connect(), await buses.connect()
        async with log.publishing(publisher), log.reading(reader):
            await log.more(WARM)
            assert proxy.cut() > 0
            await log.more(WARM)
            proxy.hold()
            await until(lambda: log.failures["Unavailable"], "a publish into the black hole fails", seconds=20)
            proxy.release()
            await log.more(WARM)
        async with log.reading(reader):
            await log.complete()
        await buses.close()


async def test_closing_is_bounded_in_time_while_the_brokers_are_silent(one_broker: Cluster, buses: Buses) -> None:
    bus, log = await buses.connect(), DeliveryLog()
    await log.publish(bus, 10)
    one_broker.freeze(1)
    try:
        publishing = asyncio.create_task(bus.publish(numbered(range(10))))
        await asyncio.sleep(0)
        publishing.cancel()
        await asyncio.wait([publishing])
        async with asyncio.timeout(12):
            await bus.close()
    finally:
        one_broker.thaw(1)


async def _is_gone(admin: AIOKafkaAdminClient, name: str) -> bool:
    return name not in await admin.list_topics()
