"""Processes that cannot be notified of anything do not listen, since every notification wakes all listeners."""

from __future__ import annotations

import asyncio

import pytest

from saga.errors import Unavailable
from saga.ports.membership import ProcessListener
from saga.ports.values.notification import Notifications
from saga_postgres import membership
from saga_postgres.adapter import PostgresAdapter
from tests.postgres.rows import Tables
from tests.runtime.world import until

ASLEEP = "select exists (select from pg_stat_activity where wait_event = 'PgSleep')"


async def test_a_process_that_only_redrives_sagas_does_not_listen(adapter: PostgresAdapter) -> None:
    await adapter.membership.join("a supervisor", [], 1, listener())
    await adapter.membership.heartbeat(0, full=True)
    assert await channels(adapter) == set()


async def test_a_process_listens_before_its_saga_can_end_and_again_after_a_lost_session(
    adapter: PostgresAdapter,
) -> None:
    process = await adapter.membership.join("a client", [], 1, listener())
    await start_nothing(adapter, process)
    assert await channels(adapter) == {f"saga_saga_p_{process}", "saga_saga_peers"}

    adapter.membership.close()
    process = await adapter.membership.join("a client", [], 1, listener())
    assert await channels(adapter) == {f"saga_saga_p_{process}", "saga_saga_peers"}


async def test_a_start_while_the_session_is_lost_makes_the_next_one_listen(adapter: PostgresAdapter) -> None:
    process = await adapter.membership.join("a client", [], 1, listener())
    adapter.membership.close()
    await start_nothing(adapter, process)
    await adapter.membership.join("a client", [], 1, listener())
    assert await channels(adapter)


async def test_a_process_that_starts_a_saga_while_it_joins_listens(
    adapter: PostgresAdapter, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "_JOIN", f"{membership._JOIN} returning pg_sleep(0.5)")
    joining = asyncio.create_task(adapter.membership.join("a client", [], 1, listener()))
    await until(lambda: tables.fetchval(ASLEEP), "it is about to be in the list")
    await start_nothing(adapter, 1)
    await joining
    assert await channels(adapter)


async def test_a_process_that_cannot_listen_has_not_joined(
    adapter: PostgresAdapter, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise Unavailable("it does not answer")

    monkeypatch.setattr(adapter.membership, "listen", broken)
    with pytest.raises(Unavailable):
        await adapter.membership.join("a participant", ["stock"], 1, listener())
    await until(
        lambda: tables.fetchval("select pg_try_advisory_lock($1, 1)", adapter.membership.lock_class), "it is dead"
    )


async def test_a_process_that_serves_listens_to_its_service(adapter: PostgresAdapter) -> None:
    process = await adapter.membership.join("a participant", [], 1, listener())
    await adapter.membership.announce(["stock"], 1)
    assert await channels(adapter) == {f"saga_saga_p_{process}", "saga_saga_peers", "saga_saga_s_stock"}


async def test_a_process_that_joins_again_frees_the_lock_of_its_old_number(
    adapter: PostgresAdapter, tables: Tables
) -> None:
    """A heartbeat may fail while the session lives on. Otherwise no process would ever give back the claims of the old number."""
    process = await adapter.membership.join("a participant", ["stock"], 1, listener())
    assert await adapter.membership.join("a participant", ["stock"], 1, listener()) != process
    await until(
        lambda: tables.fetchval("select pg_try_advisory_lock($1, $2)", adapter.membership.lock_class, process),
        "its lock is free",
    )


async def start_nothing(adapter: PostgresAdapter, process: int) -> None:
    await adapter.store.start([], Notifications(), process=process, waiter=process, is_retry=False)


async def channels(adapter: PostgresAdapter) -> set[str]:
    connection = adapter.membership._connection
    assert connection is not None
    return {row[0] for row in await connection.fetch("select pg_listening_channels()")}


def listener() -> ProcessListener:
    def ignored(*_: object) -> None: ...

    return ProcessListener(
        on_claim_refs=ignored,
        on_claims=ignored,
        on_queue=ignored,
        on_ended=ignored,
        on_peers_changed=ignored,
        on_session_lost=ignored,
    )
