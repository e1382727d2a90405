"""The API on a real PostgreSQL: the same queries find the same, through indexes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from saga.api.server import served
from saga_postgres.reading.scan import WINDOWS
from tests.api.conftest import client_of
from tests.api.test_events import listening, stuck
from tests.api.test_query import FINDS, keys, started_three
from tests.cli.counter import Counter, counter_on
from tests.migrated import migrated_template, store_url  # noqa: F401 (fixtures)


@pytest.fixture
async def shop(store_url: str) -> AsyncIterator[Counter]:  # noqa: F811
    async with counter_on(store_url) as counter:
        yield counter


async def test_each_term_finds_what_it_says(shop: Counter) -> None:
    await started_three(shop)

    async with client_of(shop) as api:
        assert {query: await keys(api, query) for query in FINDS} == FINDS


async def test_a_saga_is_started_listed_and_shown(shop: Counter) -> None:
    saga = await shop.start("order-1")
    await shop.until_vector(saga, "SSS")

    async with client_of(shop) as api:
        shown = (await api.get("/v1/sagas/order:order-1")).json()
        first = (await api.get(f"/v1/sagas/{saga}/history", params={"limit": 2})).json()
        rest = (await api.get(f"/v1/sagas/{saga}/history", params={"cursor": first["next"]})).json()
        processes = (await api.get("/v1/processes")).json()["processes"]
        leader, doctor = [(await api.get(f"/v1/{part}")).json() for part in ("leader", "doctor")]

    assert [line["event"] for line in first["history"] + rest["history"]] == [
        "started",
        *["succeeded"] * 3,
        "completed",
    ]
    assert [process["name"] for process in processes] == ["desk", "shop"]
    assert (leader["alive"], doctor["ok"]) == (False, False)
    assert (shown["saga"], shown["phase"]) == (str(saga), "completed")


async def test_a_stream_that_is_cut_goes_on_without_gap_or_double(shop: Counter) -> None:
    saga, received = await stuck(shop), list[str]()

    async with served(shop.away, "127.0.0.1:0") as link, asyncio.timeout(20):
        async with listening(link, saga) as events:
            first = await anext(events)
        shop.faults.clear()
        await shop.away.operations.retry(saga, None, actor="ann", reason="it works again")
        async with listening(link, saga, first.id) as events:
            received = [event.data async for event in events if event.name == "history"]

    lines = [json.loads(data)["event"] for data in (first.data, *received)]
    assert sorted(lines) == sorted(line.kind for line in (await shop.detail(saga)).history)


@pytest.mark.parametrize("statement", WINDOWS.values(), ids=[among.value for among in WINDOWS])
async def test_no_search_reads_the_whole_table(store_url: str, statement: str) -> None:  # noqa: F811
    """The planner reads sagas and commands through an index; it reads a table of a few rows as a whole, unless that is forbidden."""
    connection = await asyncpg.connect(store_url, server_settings={"search_path": "saga", "enable_seqscan": "off"})
    arguments = (None, 1000, 50, None, None, None, False, None, None, None, None, 3600.0, False)
    try:
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain {statement}", *arguments))
    finally:
        await connection.close()

    assert "Seq Scan on saga" not in plan
    assert "Seq Scan on command" not in plan
    assert "Index" in plan
