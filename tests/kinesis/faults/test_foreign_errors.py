"""Errors that nobody foresaw, in each loop of a subscription: it ends with that error, and the next one reads everything."""

from __future__ import annotations

import asyncio

import pytest

from saga.ports.bus import Subscription
from saga.testing.suites.bus import take
from saga_kinesis.bus import KinesisBus
from saga_kinesis.client import Client
from saga_kinesis.readers.lease_table import LeaseTable
from saga_kinesis.readers.shard_reader import ShardReader
from tests.adapters.delivery_log import GROUP, TOPIC, numbered


async def read_on(subscription: Subscription) -> None:
    async for deliveries in subscription:
        await subscription.ack(deliveries)


CALLS = [
    (Client, "describe"),
    (Client, "shards"),
    (Client, "iterator"),
    (Client, "read"),
    (LeaseTable, "sync"),
    (LeaseTable, "heartbeat"),
    (LeaseTable, "readers"),
    (LeaseTable, "try_take"),
    (LeaseTable, "save"),
    (ShardReader, "_receive"),
]


@pytest.mark.parametrize(("owner", "name"), CALLS, ids=lambda part: getattr(part, "__name__", part))
async def test_an_error_in_a_loop_ends_the_subscription(
    owner: type, name: str, buses: list[KinesisBus], monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = buses[0]
    await bus.publish(numbered(range(20)))

    async def fail(*_: object, **__: object) -> None:
        raise KeyError("Records")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        async with bus.subscribe([TOPIC], GROUP, limit=100) as subscription, asyncio.timeout(20):
            with pytest.raises(KeyError, match="Records"):
                await read_on(subscription)
    async with bus.subscribe([TOPIC], GROUP, limit=100) as subscription:
        await take(subscription, 20)


async def test_an_error_while_a_shard_is_released_ends_the_subscription(
    buses: list[KinesisBus], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise KeyError("released")

    async with buses[0].subscribe([TOPIC], GROUP, limit=100) as subscription:
        await buses[0].publish(numbered(range(20)))
        await subscription.ack(await take(subscription, 20))
        monkeypatch.setattr(ShardReader, "drain", fail)
        async with buses[1].subscribe([TOPIC], GROUP, limit=100), asyncio.timeout(20):
            with pytest.raises(KeyError, match="released"):
                await read_on(subscription)
        monkeypatch.undo()
