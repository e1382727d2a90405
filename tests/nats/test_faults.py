"""Servers die, connections go silent, streams are deleted: no published message is lost, and the bus recovers by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Final

import pytest

from saga.errors import Unavailable
from saga.ports.bus import Message
from saga_nats.bus import NatsBus
from saga_nats.failures import Answer
from saga_nats.link import Link
from saga_nats.message_format import stream_of
from saga_nats.options import Options
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog, numbered
from tests.nats.poison import BROKEN_BODY, STRANGE, write_broken_headers
from tests.runtime.world import until
from tests.services.nats import Nats, Shape, cluster
from tests.services.places import or_skip
from tests.services.proxy import Proxy

WARM: Final = 100
SHORT: Final = Shape(disk="300KB")


@pytest.fixture(scope="module")
def one_server() -> Iterator[Nats]:
    with or_skip(cluster()) as found:
        yield found


@pytest.fixture(scope="module")
def three_servers() -> Iterator[Nats]:
    with or_skip(cluster(Shape(nodes=3))) as found:
        yield found


class Buses:
    """Connections on a prefix of their own, closed at the end."""

    def __init__(self, url: str) -> None:
        self.options = Options.read(url)
        self.subject = self.options.prefix + TOPIC
        self.stream = stream_of(self.subject)
        self._open: list[NatsBus] = []

    async def connect(self) -> NatsBus:
        bus = NatsBus(self.options)
        self._open.append(bus)
        await bus.ensure([TOPIC], GROUP)
        return bus

    async def operate(self, endpoint: str) -> Answer:
        """Asks the servers for something, as an operator does."""
        link = await Link.open(self.options, "operator")
        answer = await link.ask(endpoint)
        await link.close()
        return answer

    async def close(self) -> None:
        for bus in self._open:
            await bus.close()


@pytest.fixture
async def buses(one_server: Nats, request: pytest.FixtureRequest) -> AsyncIterator[Buses]:
    buses = Buses(f"{one_server.bus_url}&prefix={abs(hash(request.node.nodeid))}.&ack_wait=2s")
    yield buses
    await buses.close()


async def test_nothing_is_lost_when_a_server_is_killed_under_load(one_server: Nats, buses: Buses) -> None:
    publisher, reader, log = await buses.connect(), await buses.connect(), DeliveryLog()

    async with log.publishing(publisher), log.reading(reader):
        await log.more(WARM)
        await asyncio.to_thread(one_server.kill, 1)
        one_server.start(1)
        await log.more(WARM)
    async with log.reading(reader):
        await log.complete()


async def test_nothing_is_lost_when_the_leader_of_a_stream_is_killed(three_servers: Nats) -> None:
    buses, log = Buses(f"{three_servers.bus_url}&ack_wait=2s"), DeliveryLog()
    publisher, reader = await buses.connect(), await buses.connect()

    async with log.publishing(publisher), log.reading(reader):
        await log.more(WARM)
        leader = int((await buses.operate(f"STREAM.INFO.{buses.stream}"))["cluster"]["leader"].removeprefix("n"))
        await asyncio.to_thread(three_servers.kill, leader)
        await log.more(WARM, seconds=60)
        three_servers.start(leader)
    async with log.reading(reader):
        await log.complete(seconds=60)
    await buses.close()


async def test_two_of_three_dead_servers_stop_publishing_and_lose_nothing(
    three_servers: Nats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saga_nats.publisher.PUBLISH_SECONDS", 1.0)
    buses, log = Buses(f"{three_servers.bus_url}&prefix=quorum."), DeliveryLog()
    publisher, reader = await buses.connect(), await buses.connect()
    await log.publish(publisher, WARM)
    await asyncio.to_thread(three_servers.kill, 2, 3)
    try:
        with pytest.raises(Unavailable):
            await log.publish(publisher, WARM)
        monkeypatch.undo()
    finally:
        three_servers.start(2, 3)
    async with log.publishing(publisher), log.reading(reader):
        await log.more(WARM, seconds=60)
    async with log.reading(reader):
        await log.complete()
    await buses.close()


async def test_cut_and_silent_connections_are_replaced(one_server: Nats) -> None:
    with Proxy.before(one_server.bus_url) as proxy:
        buses, log = Buses(proxy.through(f"{one_server.bus_url}&prefix=proxied.&ack_wait=2s")), DeliveryLog()
        publisher, reader = await buses.connect(), await buses.connect()
        async with log.publishing(publisher), log.reading(reader):
            await log.more(WARM)
            assert proxy.cut() > 0
            await log.more(WARM)
            proxy.hold()
            await until(lambda: log.failures["Unavailable"], "a publish into the black hole fails", seconds=30)
            await until(lambda: log.failures["reading: Unavailable"], "a read from the black hole fails", seconds=30)
            proxy.release()
            await log.more(WARM)
        async with log.reading(reader):
            await log.complete()
        await buses.close()


async def test_a_frozen_server_does_not_hold_up_closing(one_server: Nats, buses: Buses) -> None:
    bus, log = await buses.connect(), DeliveryLog()
    async with log.reading(bus):
        await log.publish(bus, 10)
        await log.complete()
        one_server.freeze(1)
        try:
            publishing = asyncio.create_task(bus.publish(numbered(range(10))))
            await asyncio.sleep(0)
            publishing.cancel()
            await asyncio.wait([publishing])
            async with asyncio.timeout(12):
                await bus.close()
        finally:
            one_server.thaw(1)


async def test_a_recreated_stream_is_read_and_written_again(buses: Buses) -> None:
    publisher, reader, log = await buses.connect(), await buses.connect(), DeliveryLog()

    async with log.publishing(publisher), log.reading(reader):
        await log.more(WARM)
        await buses.operate(f"STREAM.DELETE.{buses.stream}")
        await until(lambda: log.failures["reading: NotFound"], "the reader has lost its consumer", seconds=20)
        log.published.clear()
        await log.more(WARM)


async def test_a_deleted_consumer_is_created_again_and_reads_everything(buses: Buses) -> None:
    bus, log = await buses.connect(), DeliveryLog()
    await log.publish(bus, WARM)
    async with log.reading(bus):
        await log.complete()
        await buses.operate(f"CONSUMER.DELETE.{buses.stream}.{GROUP}")
        await until(lambda: all(log.arrived[number] == 2 for number in log.published), "all come again", seconds=20)


async def test_a_lost_pull_request_is_made_again(buses: Buses, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server forgets the request of a member whose inbox has nobody when it delivers, as after a restart that the driver heals."""
    monkeypatch.setattr("saga_nats.pull.SILENCE_SECONDS", 1.0)
    bus, log = await buses.connect(), DeliveryLog()
    async with log.reading(bus):
        await log.publish(bus, 10)
        await log.complete()
        (subscription,) = bus._subscriptions
        (pull,) = subscription._pulls
        assert pull._subscription is not None
        client = pull._link.client
        await client._send_unsubscribe(pull._subscription._id)
        await client.flush()
        await log.publish(bus, 10)
        await client._send_subscribe(pull._subscription)
        await log.complete()

    assert not any("reading" in name for name in log.failures)


async def test_a_member_that_leaves_gives_its_deliveries_to_the_others_at_once(one_server: Nats) -> None:
    buses, log = Buses(f"{one_server.bus_url}&prefix=leaving.&ack_wait=1h"), DeliveryLog()
    leaving, other = await buses.connect(), await buses.connect()
    await log.publish(leaving, 10)
    async with leaving.subscribe([TOPIC], GROUP, limit=5) as subscription:
        assert len(await anext(aiter(subscription))) <= 5
    async with log.reading(other):
        await log.complete()
    await buses.close()


async def test_a_member_that_dies_leaves_its_deliveries_to_the_others(buses: Buses) -> None:
    dying, other, log = await buses.connect(), await buses.connect(), DeliveryLog()
    await log.publish(dying, 10)
    async with dying.subscribe([TOPIC], GROUP, limit=50) as subscription:
        assert await anext(aiter(subscription))
        (inside,) = dying._subscriptions
        assert inside._link is not None
        inside._link._abort()
        async with log.reading(other):
            await log.complete()


async def test_deliveries_that_a_reader_holds_do_not_go_to_others(buses: Buses) -> None:
    holding, other, log = await buses.connect(), await buses.connect(), DeliveryLog()
    await holding.publish(numbered([7]))
    async with holding.subscribe([TOPIC], GROUP, limit=50) as subscription:
        held = await anext(aiter(subscription))
        (inside,) = holding._subscriptions
        async with log.reading(other):
            extended = held[0].extended_at  # type: ignore[attr-defined]
            await until(lambda: held[0].extended_at > extended + 3, "it was held for longer than ack_wait", seconds=20)  # type: ignore[attr-defined]
        assert not log.arrived
        await subscription.ack(held)
        assert not inside._in_hand


async def test_a_full_disk_refuses_messages_and_loses_none() -> None:
    with or_skip(cluster(SHORT)) as server:
        buses, log = Buses(server.bus_url), DeliveryLog()
        publisher, reader = await buses.connect(), await buses.connect()
        ballast = [Message(TOPIC, b"", b"-1" + b" " * 20_000)] * 100
        async with log.reading(reader):
            await log.publish(publisher, 10)
            await log.complete()
            with pytest.raises(Unavailable, match="no space"):
                await publisher.publish(ballast)
            with pytest.raises(Unavailable, match="no space"):
                await log.publish(publisher, 10)
            server.configure(1, replace(SHORT, disk="100MB"))
            await asyncio.to_thread(server.kill, 1)
            server.start(1)
            async with log.publishing(publisher):
                await log.more(WARM)
        await buses.close()


async def test_messages_of_strangers_do_not_stop_a_reader(one_server: Nats, buses: Buses) -> None:
    bus, log = await buses.connect(), DeliveryLog()
    link = await Link.open(buses.options, "stranger")
    for body, headers in STRANGE:
        await link.client.publish(buses.subject, body, headers=headers)
    await link.client.flush()
    await write_broken_headers(one_server.url, buses.subject)
    await link.close()
    await log.publish(bus, 10)
    arrived: list[Message] = []
    async with asyncio.timeout(20), bus.subscribe([TOPIC], GROUP, limit=50) as subscription:
        while len(arrived) < len(STRANGE) + 11:
            batch = await anext(aiter(subscription))
            arrived += [delivery.message for delivery in batch]
            await subscription.ack(batch)
    assert {message.body for message in arrived} >= {body for body, _ in STRANGE} | {BROKEN_BODY}
