"""The lag of an outside bus is measured where both ends count."""

from __future__ import annotations

import pytest

from saga import memory
from saga.ports.bus import Message
from saga.registry import open_bus
from saga.telemetry.metrics import Metrics
from saga.telemetry.watched_bus import SENT, WatchedBus
from tests.runtime.world import World
from tests.telemetry.scrape import scrape, total, value
from tests.telemetry.test_metrics import RESULT_SECONDS, shop


async def test_the_lag_of_an_outside_bus_is_measured_by_service(any_world: World) -> None:
    bus = "memory://watched"
    service, definition = shop()
    worker = await any_world.join(service, bus=bus, http="0")
    client = await any_world.join(bus=bus, http="0")
    async with worker.endpoint() as address:
        assert (await (await client.start(definition, 1)).result(RESULT_SECONDS)).is_completed
        series = await scrape(address)
    memory.forget(bus)

    assert (value(series, "saga_bus_lag_seconds_count", service="shop") or 0) >= 1
    assert total(series, "saga_bus_lag_seconds_sum") < 5


@pytest.mark.parametrize("sent", ["", "yesterday", "nan", "-inf", "-1e300"])
async def test_a_message_without_a_valid_time_is_delivered_but_not_measured(sent: str) -> None:
    metrics, url = Metrics(), "memory://unwatched"
    plain, watched = open_bus(url, "saga"), WatchedBus(open_bus(url, "saga"), Metrics())
    watched._metrics = metrics
    await watched.ensure(["topic"], "shop")
    await plain.publish([Message("topic", b"k", b"body", {SENT: sent} if sent else {})])

    async with watched.subscribe(["topic"], "shop", limit=1) as subscription:
        async for (delivery,) in subscription:
            assert delivery.message.body == b"body"
            break
    await plain.close()
    await watched.close()
    memory.forget(url)

    assert not metrics.bus_lag
