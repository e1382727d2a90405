"""The Postgres bus, beyond what every bus must do: dead members, lost servers, late groups, notifications."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from saga.errors import Closed, InputRefused, SchemaMismatch
from saga.ports.bus import BODY_BYTES_MAX, Bus, Delivery, Message, Subscription
from saga_postgres import open_bus
from saga_postgres.bus import subscription as module
from tests.postgres.rows import Tables

PATIENCE_SECONDS = 10
CUT = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and application_name = 'saga bus'"""

READ = "select seq_tup_read, idx_tup_fetch from pg_stat_xact_user_tables where relname = 'bus_message'"


@pytest.fixture
async def bus(postgres_url: str, tables: Tables) -> AsyncIterator[Bus]:  # noqa: ARG001
    bus = open_bus(postgres_url, "saga")
    yield bus
    await bus.close()


def message(n: int, topic: str = "payments") -> Message:
    return Message(topic, n.to_bytes(2), b"body %d" % n)


async def batch_of(subscription: Subscription) -> Sequence[Delivery]:
    return await asyncio.wait_for(anext(aiter(subscription)), PATIENCE_SECONDS)


async def bodies_of(subscription: Subscription) -> list[bytes]:
    return [delivery.message.body for delivery in await batch_of(subscription)]


async def drained(subscription: Subscription, count: int) -> list[bytes]:
    """The bodies of the next `count` messages, which are acknowledged."""
    bodies: list[bytes] = []
    while len(bodies) < count:
        batch = await batch_of(subscription)
        await subscription.ack(batch)
        bodies += [delivery.message.body for delivery in batch]
    return bodies


async def test_messages_arrive_oldest_first_in_batches_of_the_limit(bus: Bus) -> None:
    await bus.ensure(["payments"], "payments")
    await bus.publish([message(n) for n in range(5)])

    async with bus.subscribe(["payments"], "payments", limit=2) as subscription:
        batches = [await bodies_of(subscription) for _ in range(3)]

    assert [sorted(batch) for batch in batches] == [[b"body 0", b"body 1"], [b"body 2", b"body 3"], [b"body 4"]]


async def test_every_group_gets_its_own_copy(bus: Bus) -> None:
    await bus.ensure(["payments"], "payments")
    await bus.ensure(["payments"], "audit")
    await bus.publish([message(1)])

    for group in ("payments", "audit"):
        async with bus.subscribe(["payments"], group, limit=10) as subscription:
            assert await drained(subscription, 1) == [b"body 1"]


async def test_what_was_published_before_there_was_a_group_waits_for_the_first(bus: Bus) -> None:
    await bus.publish([message(1)])

    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        assert await drained(subscription, 1) == [b"body 1"]


async def test_a_publish_wakes_a_waiting_member(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 60)
    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        waiting = asyncio.create_task(batch_of(subscription))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.5)
        published_at = time.monotonic()

        await bus.publish([message(1)])

        assert len(await waiting) == 1
        assert time.monotonic() - published_at < 1


async def test_a_message_whose_notification_was_lost_arrives_by_polling(
    bus: Bus, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.1)
    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        waiting = asyncio.create_task(batch_of(subscription))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.3)

        await tables.execute(
            "insert into bus_message (topic, group_name, key, body) values ('payments', 'payments', '', 'x')"
        )

        assert len(await waiting) == 1


async def test_a_publish_notifies_once(bus: Bus, tables: Tables) -> None:
    heard: list[object] = []
    await tables.add_listener("saga_saga_bus", lambda *arguments: heard.append(arguments[-1]))

    await bus.publish([message(1), message(2), message(3, "shipping")])
    await tables.fetchval("select 1")

    assert heard == ["payments shipping"]


async def test_members_of_a_group_share_its_messages(bus: Bus, postgres_url: str) -> None:
    other = open_bus(postgres_url, "saga")
    await bus.ensure(["payments"], "payments")
    await bus.publish([message(n) for n in range(20)])

    async with (
        bus.subscribe(["payments"], "payments", limit=10) as left,
        other.subscribe(["payments"], "payments", limit=10) as right,
    ):
        bodies = await bodies_of(left) + await bodies_of(right)

    assert sorted(bodies) == sorted(message(n).body for n in range(20))
    await other.close()


async def test_unacknowledged_messages_go_to_another_member_when_one_leaves(bus: Bus) -> None:
    await bus.publish([message(1)])
    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        await batch_of(subscription)

    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        left_at = time.monotonic()
        assert await drained(subscription, 1) == [b"body 1"]
    assert time.monotonic() - left_at < module.POLL_SECONDS


async def test_what_a_dead_member_had_in_hand_comes_again_before_its_lease_is_over(
    bus: Bus, postgres_url: str, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.2)
    dead = open_bus(postgres_url, "saga")
    await dead.publish([message(1)])
    context = dead.subscribe(["payments"], "payments", limit=10)
    await batch_of(await context.__aenter__())
    await tables.fetchval(CUT)

    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        assert await drained(subscription, 1) == [b"body 1"]

    await dead.close()


async def test_what_a_live_member_forgot_comes_again_after_its_lease(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.2)
    await bus.publish([message(1)])

    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        assert await bodies_of(subscription) == await bodies_of(subscription)


async def test_an_acknowledged_message_is_gone(bus: Bus, tables: Tables) -> None:
    await bus.publish([message(n) for n in range(3)])

    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        await drained(subscription, 3)

    assert await tables.fetchval("select count(*) from bus_message") == 0
    assert await tables.fetchval("select count(*) from bus_member") == 0


async def test_a_cancelled_iteration_loses_nothing(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 60)
    async with bus.subscribe(["payments"], "payments", limit=1) as subscription:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(aiter(subscription)), 0.2)
        await bus.publish([message(n) for n in range(20)])

        bodies: list[bytes] = []
        while len(bodies) < 20:
            try:
                (delivery,) = await asyncio.wait_for(anext(aiter(subscription)), 0.002)
            except TimeoutError:
                continue
            await subscription.ack([delivery])
            bodies.append(delivery.message.body)

    assert sorted(bodies) == sorted(message(n).body for n in range(20))


async def test_a_member_joins_again_after_the_server_cut_it_off(bus: Bus, tables: Tables) -> None:
    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        waiting = asyncio.create_task(batch_of(subscription))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.5)
        await tables.fetchval(CUT)
        await tables.execute(
            "insert into bus_message (topic, group_name, key, body) values ('payments', 'payments', '', 'x')"
        )

        assert len(await waiting) == 1


async def test_messages_that_were_not_acknowledged_for_too_long_are_deleted(
    bus: Bus, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_SECONDS", 60)
    await bus.publish([message(1, "of a service that is gone")])
    await tables.execute("update bus_message set published_at = now() - interval '2 minutes'")
    await bus.publish([message(2)])

    async with bus.subscribe(["payments"], "payments", limit=10) as subscription:
        await drained(subscription, 1)

    assert await tables.fetchval("select count(*) from bus_message") == 0


async def test_a_body_over_the_limit_is_refused_and_nothing_is_sent(bus: Bus, tables: Tables) -> None:
    with pytest.raises(InputRefused, match=f"{BODY_BYTES_MAX + 1} bytes for payments"):
        await bus.publish([message(1), Message("payments", b"", bytes(BODY_BYTES_MAX + 1))])

    assert await tables.fetchval("select count(*) from bus_message") == 0


@pytest.mark.parametrize("headers", ["[1]", "7", '"text"', "null", '{"a": {"b": 1}}', "[" * 2_000 + "]" * 2_000])
async def test_headers_of_a_stranger_stop_nobody(headers: str, bus: Bus, tables: Tables) -> None:
    await bus.publish([message(1), message(2)])
    await tables.execute("update bus_message set headers = $1 where body = 'body 1'", headers)
    async with bus.subscribe(["payments"], "billing", limit=10) as subscription:
        assert await bodies_of(subscription) == [b"body 1", b"body 2"]


async def test_many_topics_in_one_publish_still_wake_their_members(bus: Bus) -> None:
    topics = [f"saga.shop.service_with_a_long_name_{n}" for n in range(500)]
    async with bus.subscribe(topics[-1:], "g", limit=10) as subscription:
        await bus.publish([message(n, topic) for n, topic in enumerate(topics)])

        assert await drained(subscription, 1) == [b"body 499"]


async def test_nothing_is_published_after_close(bus: Bus) -> None:
    await bus.close()
    await bus.close()

    with pytest.raises(Closed):
        await bus.publish([message(1)])
    with pytest.raises(Closed):
        await bus.ensure(["payments"], "payments")


async def test_a_bus_without_its_tables_says_so(postgres_url: str) -> None:
    bus = open_bus(postgres_url, "saga")

    with pytest.raises(SchemaMismatch, match="saga migrate"):
        await bus.ensure(["payments"], "payments")
    await bus.close()


async def test_taking_messages_reads_no_more_than_it_takes(tables: Tables) -> None:
    await tables.execute(
        "insert into bus_message (topic, group_name, key, body)"
        " select 't' || n / 19900, 'g', '', 'x' from generate_series(1, 20000) as n; analyze bus_message"
    )

    async with tables.transaction():
        before = await tables.fetchrow(READ)
        await tables.execute("select * from bus_take('{t1}', 'g', 1, 10, 30)")
        after = await tables.fetchrow(READ)

    assert before is not None
    assert after is not None
    assert after["seq_tup_read"] == before["seq_tup_read"]
    assert after["idx_tup_fetch"] - before["idx_tup_fetch"] < 100  # and not the 19,900 of the other topic
