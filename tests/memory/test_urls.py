"""The state that memory:// URLs share, and the state that they do not."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from saga import memory, registry
from saga.errors import Closed, InputRefused, Unavailable
from saga.memory.bus import GROUP_MESSAGES_MAX
from saga.ports.adapter import StoreOptions
from saga.ports.bus import BODY_BYTES_MAX, Message
from saga.testing.suites.store.stage import Heard, graph, step

URL = "memory://world"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    memory.forget(URL)


async def test_one_name_is_one_store() -> None:
    one, other = (registry.open_store(URL, StoreOptions()) for _ in range(2))
    number = await one.directory.register(graph(step("a")), None, activate=True, overwrite=False)

    assert (await other.directory.find("order", None))[0] == number


@pytest.mark.parametrize(("url", "namespace"), [("memory://elsewhere", "saga"), (URL, "tenant")])
async def test_another_name_or_namespace_is_another_store(url: str, namespace: str) -> None:
    one = registry.open_store(URL, StoreOptions())
    await one.directory.publish([])
    await one.directory.register(graph(step("a")), None, activate=True, overwrite=False)

    other = registry.open_store(url, StoreOptions(namespace=namespace))

    assert await other.listing.definitions() == []
    memory.forget(url)


async def test_a_store_survives_its_last_connection_until_it_is_forgotten() -> None:
    one = registry.open_store(URL, StoreOptions())
    await one.directory.register(graph(step("a")), None, activate=True, overwrite=False)
    await one.close()

    assert len(await registry.open_store(URL, StoreOptions()).listing.definitions()) == 1
    memory.forget(URL)
    assert await registry.open_store(URL, StoreOptions()).listing.definitions() == []


async def test_a_store_sees_the_leader_of_its_namespace() -> None:
    adapter, other = registry.open_store(URL, StoreOptions()), registry.open_store(URL, StoreOptions())
    await adapter.membership.join("a process", ["stock"], 1, Heard().listener())

    await other.membership.lead(1, "a supervisor")

    beat = await adapter.membership.heartbeat(0, full=False)
    assert beat.leader_seen_ago_seconds == pytest.approx(0.0, abs=5.0)


async def test_a_store_has_the_time_of_day() -> None:
    adapter = registry.open_store(URL, StoreOptions())
    await adapter.membership.join("a process", ["stock"], 1, Heard().listener())

    beat = await adapter.membership.heartbeat(0, full=False)

    assert beat.store_clock + time.monotonic() == pytest.approx(time.time(), abs=5.0)


async def test_a_closed_store_refuses_its_calls() -> None:
    adapter = registry.open_store(URL, StoreOptions())
    await adapter.close()

    with pytest.raises(Closed):
        await adapter.store.overdue(1, None)
    with pytest.raises(Closed):
        await adapter.open()


async def test_the_queue_of_a_group_is_bounded() -> None:
    bus = registry.open_bus(URL, "saga")
    await bus.ensure(["stock"], "stock")
    await bus.publish([Message("stock", b"", b"")] * GROUP_MESSAGES_MAX)

    with pytest.raises(Unavailable, match="do not read them fast enough"):
        await bus.publish([Message("stock", b"", b"")])


async def test_a_body_that_is_too_large_is_refused_with_its_batch() -> None:
    bus = registry.open_bus(URL, "saga")
    await bus.ensure(["stock"], "stock")

    with pytest.raises(InputRefused, match="the maximum is 1048576"):
        await bus.publish([Message("stock", b"", b"first"), Message("stock", b"", bytes(BODY_BYTES_MAX + 1))])

    await bus.publish([Message("stock", b"", b"second")])
    async with bus.subscribe(["stock"], "stock", limit=10) as subscription:
        batch = await anext(aiter(subscription))
    assert [delivery.message.body for delivery in batch] == [b"second"]
