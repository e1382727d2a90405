"""Commands over a bus: it may lose, double and reorder them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from msgspec.structs import replace

from saga import App, Definition, Participant, Reject, memory
from saga.core.rules import events as ev
from saga.errors import Unavailable
from saga.ports.bus import Bus, Delivery, Message, Subscription
from saga.runtime.bus.dispatcher import Dispatcher
from tests.runtime.world import Gate, Provider, Sql, World, until

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Unreliable:
    """A bus that loses every third message and doubles every fifth."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._number = 0
        self.lost = 0

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        await self._bus.ensure(topics, group)

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._number += 1
            if self._number % 3 == 0:
                self.lost += 1
                continue
            await self._bus.publish([message] * (2 if self._number % 5 == 0 else 1))

    def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AbstractAsyncContextManager[Subscription]:
        return self._bus.subscribe(topics, group, limit=limit)

    async def close(self) -> None:
        await self._bus.close()


class Away(Unreliable):
    """A bus that cannot be reached, until it can."""

    is_away = True
    joined = 0
    refused = 0

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        self._check()
        await self._bus.ensure(topics, group)

    async def publish(self, messages: Sequence[Message]) -> None:
        self._check()
        await self._bus.publish(messages)

    def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AbstractAsyncContextManager[Subscription]:
        self._check()
        self.joined += 1
        return self._bus.subscribe(topics, group, limit=limit)

    def _check(self) -> None:
        if self.is_away:
            self.refused += 1
            raise Unavailable("the bus is away")


class Listening(Unreliable):
    """A bus that loses the first message, and keeps the headers of the others."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.headers: list[Mapping[str, str]] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if self.lost:
                self.headers.append(message.headers)
                await self._bus.publish([message])
            else:
                self.lost += 1


def dispatcher_of(app: App) -> Dispatcher:
    assert app.process.dispatcher is not None
    return app.process.dispatcher


async def without_its_bus(world: World, bus_url: str, redrive: int = 30) -> tuple[App, Definition, Away]:
    """A client that cannot publish, and participants that read the bus."""
    participants, definition = services(Provider())
    for participant in participants:
        await world.join(participant, bus=bus_url, redrive=redrive)
    client = await world.join(bus=bus_url, redrive=redrive)
    await client.register(definition)
    dispatcher = dispatcher_of(client)
    away = dispatcher._bus = Away(dispatcher._bus)
    return client, definition, away


def make_unreliable(app: App) -> Unreliable:
    dispatcher = dispatcher_of(app)
    bus = dispatcher._bus = Unreliable(dispatcher._bus)
    return bus


def services(provider: Provider) -> tuple[list[Participant], Definition]:
    first, second = Participant("first"), Participant("second")

    @first.step(external=True)
    async def act(word: str) -> str:
        return provider.call(f"act {word}", word)

    @act.compensation
    async def undo(word: str, acted: str) -> None:
        provider.drop(acted)

    @second.step(external=True)
    async def end(word: str) -> str:
        if word.startswith("bad"):
            raise Reject("bad")
        return word

    definition = Definition("over_a_bus", input=str)
    definition.returns(definition.step("second.end", after=definition.step("first.act")).output)
    return [first, second], definition


async def test_a_command_that_the_bus_loses_is_redriven(world: World) -> None:
    provider, bus_url = Provider(), "memory://unreliable"
    participants, definition = services(provider)
    workers = [await world.join(participant, bus=bus_url, redrive=1) for participant in participants]
    client = await world.join(bus=bus_url, redrive=1)
    buses = [make_unreliable(app) for app in (*workers, client)]
    await client.register(definition)
    words = [f"{'bad' if n % 4 == 0 else 'good'} {n}" for n in range(20)]
    handles = [await client.start(definition, word) for word in words]
    endings = [await handle.result(20) for handle in handles]
    assert [ending.is_completed for ending in endings] == [word.startswith("good") for word in words]
    assert sorted(provider.effects.values()) == sorted(word for word in words if word.startswith("good"))
    assert sum(bus.lost for bus in buses) > 5
    memory.forget(bus_url)


async def test_a_redriven_command_carries_the_trace_of_its_saga(any_world: World) -> None:
    bus_url = "memory://listening"
    participants, definition = services(Provider())
    for participant in participants:
        await any_world.join(participant, bus=bus_url)
    client = await any_world.join(bus=bus_url)
    dispatcher = dispatcher_of(client)
    bus = dispatcher._bus = Listening(dispatcher._bus)
    await client.register(definition)
    order = replace(await client._request(definition, "good", None, None, None), trace=TRACE)
    await client.process.starter.start(order, 10)
    await until(lambda: bus.lost, "the first command is lost")

    overdue = await client.snapshot(order.saga)
    await client.process.redriver.decide([overdue], lambda entry: [ev.Redriven(entry.held)])

    assert (await client.handle(order.saga).result(10)).is_completed
    assert [headers["traceparent"] for headers in bus.headers] == [TRACE]
    memory.forget(bus_url)


async def test_a_message_that_is_not_a_command_is_dropped(world: World, sql: Sql) -> None:
    bus_url = "memory://strange"
    participants, definition = services(Provider())
    workers = [await world.join(participant, bus=bus_url, redrive=1) for participant in participants]
    client = await world.join(bus=bus_url, redrive=1)
    await client.register(definition)
    bus = memory.open_bus(bus_url, "saga")
    strange = [b"", b"{}", b"\xff", b'{"v": 1, "saga": "x", "step": 0, "op": "E"}', b"[" * 10_000]
    await bus.publish([Message("saga.saga.first", b"k", body) for body in strange])
    assert (await (await client.start(definition, "good")).result(20)).value == "good"
    assert len(workers) == 2
    memory.forget(bus_url)


async def test_a_command_that_comes_after_its_saga_has_ended_does_nothing(world: World, sql: Sql) -> None:
    provider, bus_url = Provider(), "memory://late"
    participants, definition = services(provider)
    workers = [await world.join(participant, bus=bus_url, redrive=1) for participant in participants]
    client = await world.join(bus=bus_url, redrive=1)
    await client.register(definition)
    handle = await client.start(definition, "good")
    await handle.result(20)
    calls = len(provider.calls)
    late = f'{{"v": 1, "saga": "{handle.id}", "step": 0, "op": "E"}}'.encode()
    await memory.open_bus(bus_url, "saga").publish([Message("saga.saga.first", b"k", late)])
    assert (await (await client.start(definition, "good again")).result(20)).is_completed
    await until(lambda: workers[0].process.intake.in_flight == 0, "everything has ended")
    assert len(provider.calls) == calls + 1
    assert await sql.fetchval("select count(*) from command") == 0
    memory.forget(bus_url)


async def test_no_more_is_claimed_from_the_bus_than_can_be_run(world: World, sql: Sql) -> None:
    """Commands on the bus can be run by others; claims that wait here lose their leases."""
    bus_url, gate = "memory://small", Gate()
    small = Participant("small", concurrency=2)

    @small.step(external=True)
    async def hold(word: str) -> str:
        await gate.wait()
        return word

    definition = Definition("small", input=str)
    definition.returns(definition.step("small.hold").output)
    worker = await world.join(small, bus=bus_url)
    client = await world.join(bus=bus_url)
    await client.register(definition)

    handles = [await client.start(definition, f"{n}") for n in range(20)]
    await until(lambda: gate.reached == 2, "both are busy")
    claimed = "select count(*) from command where owner is not null"
    assert await sql.fetchval(claimed) == worker.process.intake.in_flight == 2

    gate.open()
    endings = [await handle.result(20) for handle in handles]
    assert all(ending.is_completed for ending in endings)
    memory.forget(bus_url)


async def test_a_process_starts_while_the_bus_is_away_and_joins_it_later(world: World) -> None:
    bus_url = "memory://away"
    participants, definition = services(Provider())
    client = await world.join(bus=bus_url, redrive=1)
    worker = await world.join(bus=bus_url, redrive=1)
    dispatcher = dispatcher_of(worker)
    away = dispatcher._bus = Away(dispatcher._bus)

    async with worker.serve(*participants):
        await client.register(definition)
        handle = await client.start(definition, "good")
        assert away.joined == 0
        away.is_away = False
        assert (await handle.result(20)).is_completed
        assert away.joined == 2


async def test_messages_that_could_not_be_published_follow_when_the_bus_is_back(world: World) -> None:
    """The redrive is far away, so it is not what sends the command."""
    bus_url = "memory://back"
    client, definition, away = await without_its_bus(world, bus_url)
    dispatcher = dispatcher_of(client)

    handles = [await client.start(definition, f"good {n}") for n in range(20)]
    await until(lambda: len(dispatcher._late) == 20, "the bus was away")
    refused = away.refused
    await until(lambda: away.refused > refused, "the bus is still away")
    away.is_away = False
    assert all([(await handle.result(10)).is_completed for handle in handles])
    assert not dispatcher._late
    memory.forget(bus_url)


async def test_messages_older_than_a_redrive_are_left_to_the_redrive(world: World) -> None:
    bus_url = "memory://long_away"
    client, definition, _ = await without_its_bus(world, bus_url, redrive=1)
    dispatcher = dispatcher_of(client)

    handle = await client.start(definition, "good")
    await until(lambda: bool(dispatcher._late), "the bus was away")
    await until(lambda: not dispatcher._late, "nothing waits any more")
    assert (await handle.result(10)).is_completed  # the participants' bus is there
    memory.forget(bus_url)


async def test_no_more_waits_for_the_bus_than_there_is_room_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.runtime.bus.dispatcher.OUTBOX_MAX", 5)
    bus_url = "memory://crowded"
    client, definition, away = await without_its_bus(world, bus_url, redrive=5)
    dispatcher = dispatcher_of(client)

    handles = []
    for n in range(8):
        handles.append(await client.start(definition, f"good {n}"))
        await until(lambda: not dispatcher._outbox, "the bus was away")
    assert len(dispatcher._late) == 5
    away.is_away = False
    assert all([(await handle.result(20)).is_completed for handle in handles])
    memory.forget(bus_url)


async def test_messages_that_could_not_be_published_are_retried_at_shutdown(world: World) -> None:
    bus_url = "memory://farewell"
    client, definition, away = await without_its_bus(world, bus_url)
    dispatcher = dispatcher_of(client)

    other = await world.join(bus=bus_url)
    handle = await client.start(definition, "good")
    await until(lambda: bool(dispatcher._late), "the bus was away")
    await client.process.background.cancel()  # else it might be published before the end
    away.is_away = False
    await client.process.stop()
    assert (await other.handle(handle.id).result(10)).is_completed
    memory.forget(bus_url)


async def test_a_process_that_joins_a_busy_topic_runs_the_first_delivery(world: World) -> None:
    """A bus may deliver before the process has announced its capacity."""
    bus_url = "memory://busy"
    participants, definition = services(Provider())
    await world.join(participants[1], bus=bus_url)
    client = await world.join(bus=bus_url)
    waiting = await world.join(participants[0], bus=bus_url)
    await client.register(definition)
    first = dispatcher_of(client)
    intake = waiting.process.intake
    capacity, intake._capacity = intake._capacity, 0
    handle = await client.start(definition, "good")
    await until(lambda: not first._outbox, "the command is on the bus")
    intake.serve(capacity)
    assert (await handle.result(10)).is_completed
    memory.forget(bus_url)


class Foreign(Unreliable):
    """A bus whose driver raises, at each step, something that nobody foresaw."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.raised: list[str] = []
        self.is_serving = False

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        if self.is_serving:
            self._raise_once("ensure")
        self.is_serving = True
        await self._bus.ensure(topics, group)

    async def publish(self, messages: Sequence[Message]) -> None:
        self._raise_once("publish")
        await self._bus.publish(messages)

    @asynccontextmanager
    async def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AsyncIterator[Subscription]:
        self._raise_once("subscribe")
        async with self._bus.subscribe(topics, group, limit=limit) as subscription:
            yield ForeignSubscription(subscription, self._raise_once)

    def _raise_once(self, name: str) -> None:
        if name not in self.raised:
            self.raised.append(name)
            raise KeyError(name)


class ForeignSubscription:
    def __init__(self, subscription: Subscription, raise_once: Callable[[str], None]) -> None:
        self._subscription = subscription
        self._raise_once = raise_once

    async def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        self._raise_once("iterate")
        async for deliveries in self._subscription:
            yield deliveries

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._raise_once("ack")
        await self._subscription.ack(deliveries)


async def test_no_error_of_a_bus_stops_a_process(world: World) -> None:
    participant = Participant("shop")

    @participant.step(external=True)
    async def reserve(n: int) -> int:
        return n

    definition = Definition("order", version=1, input=int)
    definition.step("shop.reserve")
    sagas = await world.join(bus="memory://foreign", redrive=1, lease=2)
    dispatcher = dispatcher_of(sagas)
    bus = dispatcher._bus = Foreign(dispatcher._bus)
    async with sagas.serve(participant):
        client = await world.join(bus="memory://foreign", redrive=1)
        dispatcher_of(client)._bus = bus
        await client.register(definition)
        handles = [await client.start("order", n) for n in range(5)]
        assert all([(await handle.result(30)).is_completed for handle in handles])
        await until(lambda: set(bus.raised) == {"ensure", "publish", "subscribe", "iterate", "ack"}, "all have raised")
        assert "reader of shop died: KeyError" in sagas.process.background.troubles()
    memory.forget("memory://foreign")
