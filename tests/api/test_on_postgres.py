"""The API on a real PostgreSQL: the same queries find the same, through indexes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import pytest

from saga.api.server import served
from saga.ports.values.scan import Among
from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from saga_postgres.embedded.child import free_port
from saga_postgres.reading.scan import COUNTS, PLANNED_FOR_ITS_PARAMETERS, WINDOWS
from tests.api.conftest import client_of
from tests.api.grpc.refused import problem_of_call
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


ARGUMENTS = f"'{UUID(int=7)}', 1000, null, null, null, 3600, 50, null, null, false, null, null, false"


@pytest.mark.parametrize("among", Among, ids=lambda among: among.value)
async def test_no_search_reads_the_whole_table(store_url: str, among: Among) -> None:  # noqa: F811
    """The planner reads sagas and commands through an index; it reads a table of a few rows as a whole, unless that is forbidden."""
    as_the_pool_has_it = {"search_path": "saga", "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
    connection = await asyncpg.connect(store_url, server_settings=as_the_pool_has_it)
    try:
        async with connection.transaction():
            await connection.execute(PLANNED_FOR_ITS_PARAMETERS)
            await connection.execute(f"prepare scan as {WINDOWS[among]}")
            text = await connection.fetchval(f"explain (format json) execute scan({ARGUMENTS})")
    finally:
        await connection.close()

    found = list(nodes(json.loads(text)[0]["Plan"]))
    assert {"saga", "command"} & {node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"} == set()
    assert among is not Among.ALL or any("id <" in node.get("Index Cond", "") for node in found), found


QUEUED = """
insert into command (saga, step, op, due_at, failures, service)
select gen_random_uuid(), 0, 'E', now() + interval '1 hour', 1, 'inventory' from generate_series(1, 20000)
"""


@pytest.mark.usefixtures("shop")  # its definition has the service
async def test_waiting_commands_are_counted_through_their_index_also_if_most_wait(store_url: str) -> None:  # noqa: F811
    connection = await asyncpg.connect(store_url, server_settings={"search_path": "saga"})
    try:
        await connection.execute(QUEUED)
        await connection.execute("analyze command")
        text = await connection.fetchval(f"explain (format json) {COUNTS[Among.DELAYED].replace('$1', '2000')}")
    finally:
        await connection.close()

    found = [node for node in nodes(json.loads(text)[0]["Plan"]) if node.get("Relation Name") == "command"]
    assert [node.get("Index Name", node["Node Type"]) for node in found] == ["command_due"]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node of a plan and all below it."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


async def test_every_page_of_the_web_interface_is_shown(shop: Counter) -> None:
    saga = await shop.start("order-1")
    await shop.until_vector(saga, "SSS")
    paths = ["/", "/?q=key:order-1", "/stuck", "/definitions", "/definitions/order", "/services", "/waits", "/audit"]

    async with client_of(shop) as pages:
        for path in (*paths, f"/sagas/{saga}", f"/sagas/{saga}?tab=history", f"/sagas/{saga}?action=pause"):
            answer = await pages.get(path)
            assert (answer.status_code, "</html>" in answer.text) == (200, True), (path, answer.text)


# -- gRPC -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def sagas(shop: Counter) -> AsyncIterator[SagasStub]:
    address = f"127.0.0.1:{free_port()}"
    async with served(shop.away, "127.0.0.1:0", grpc=address), grpc.aio.insecure_channel(address) as channel:
        yield SagasStub(channel)


async def test_sagas_are_started_once_waited_for_and_listed_page_by_page(sagas: SagasStub) -> None:
    order = b'{"sku": "A-1"}'
    started = [
        await sagas.StartSaga(m.StartSagaRequest(definition="order", input=order, key=key))
        for key in ("one", "two", "one")
    ]
    asked = m.GetResultRequest(ref="order:one")
    asked.wait.FromSeconds(20)
    ended = await sagas.GetResult(asked)
    first = await sagas.ListSagas(m.ListSagasRequest(q="definition:order", limit=1))
    rest = await sagas.ListSagas(m.ListSagasRequest(q="definition:order", limit=1, cursor=first.next))
    other = m.ListSagasRequest(q="is:stuck", cursor=first.next)
    history = await sagas.GetHistory(m.GetHistoryRequest(ref="order:one", limit=500))

    assert [answer.is_new for answer in started] == [True, True, False]
    assert (ended.saga, ended.status) == (started[0].saga, m.STATUS_COMPLETED)
    assert [line.key for line in [*first.sagas, *rest.sagas]] == ["two", "one"]
    assert "another query" in (await problem_of_call(sagas.ListSagas(other), "usage")).detail
    assert [line.event for line in history.history] == ["started", *["succeeded"] * 3, "completed"]


async def test_a_saga_is_watched_across_a_cut_and_acted_on(shop: Counter, sagas: SagasStub) -> None:
    ref = str(await stuck(shop))
    async with asyncio.timeout(20):
        call = sagas.WatchSaga(m.WatchSagaRequest(ref=ref))
        first = await anext(aiter(call))
        call.cancel()
        shop.faults.clear()
        plan = (await sagas.PlanAction(m.PlanActionRequest(ref=ref, action=m.ACTION_RETRY))).plan
        await sagas.Act(m.ActRequest(ref=ref, action=m.ACTION_RETRY, reason="it works again", if_match=plan.digest))
        rest = [event async for event in sagas.WatchSaga(m.WatchSagaRequest(ref=ref, last_event_id=first.id))]

    events = [event.history.event for event in [first, *rest] if event.WhichOneof("event") == "history"]
    assert sorted(events) == sorted(line.kind for line in (await shop.detail(UUID(ref))).history)
