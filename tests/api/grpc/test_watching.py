"""Watching a saga over gRPC: each line of its history once, however often the connection breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import UUID

import grpc
import pytest

from saga.api.principals import Role
from saga.ports.access.tokens import Asker
from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.grpc.conftest import address_of, channel_to
from tests.api.grpc.refused import problem_of_call, refused
from tests.api.test_events import stuck
from tests.api.test_rights import token
from tests.cli.counter import Counter

TIMEOUT_SECONDS = 20


def watched(sagas: SagasStub, saga: UUID, last: str | None = None) -> AsyncIterator[m.WatchSagaResponse]:
    asked = m.WatchSagaRequest(ref=str(saga), last_event_id=last)
    return aiter(sagas.WatchSaga(asked, timeout=TIMEOUT_SECONDS))


async def test_a_stream_that_is_cut_goes_on_without_gap_or_double(shop: Counter, sagas: SagasStub) -> None:
    saga = await stuck(shop)
    call = sagas.WatchSaga(m.WatchSagaRequest(ref=str(saga)), timeout=TIMEOUT_SECONDS)
    first = await anext(aiter(call))
    call.cancel()
    shop.faults.clear()
    await shop.away.operations.retry(saga, None, actor="ann", reason="it works again")
    rest = [event async for event in watched(sagas, saga, first.id)]
    again = [event async for event in watched(sagas, saga, [event.id for event in rest if event.id][-1])]

    history = [event.history.event for event in [first, *rest] if event.WhichOneof("event") == "history"]
    assert sorted(history) == sorted(line.kind for line in (await shop.detail(saga)).history)
    assert [event.WhichOneof("event") for event in rest][-2:] == ["saga", "end"]
    assert (rest[-2].saga.phase, rest[-1].end.phase) == (m.PHASE_COMPLETED, m.PHASE_COMPLETED)
    assert rest[-2].now.seconds > 0
    assert [event.WhichOneof("event") for event in again] == ["saga", "end"]


async def test_a_token_that_is_revoked_ends_the_stream(shop: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.api.tokens.KEPT_SECONDS", 0.0)
    header = await token(shop, Role.VIEWER)
    saga = await stuck(shop)
    (line,) = await shop.away.adapter.tokens.list()

    async with channel_to(shop.away) as channel, asyncio.timeout(TIMEOUT_SECONDS):
        asked = m.WatchSagaRequest(ref=str(saga))
        events = aiter(SagasStub(channel).WatchSaga(asked, metadata=tuple(header.items())))
        await anext(events)
        await shop.away.adapter.tokens.revoke(line.id, Asker("ann"))
        await shop.away.operations.pause(saga, actor="ann", reason="a look")
        with refused("unauthenticated"):
            async for event in events:
                assert not event.saga.paused


async def test_a_stream_that_cannot_be_served_says_why(
    shop: Counter, sagas: SagasStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    saga = await stuck(shop)
    with refused("not-found"):
        await anext(watched(sagas, UUID(int=1)))
    with refused("usage"):
        await anext(watched(sagas, saga, "x"))
    monkeypatch.setattr("saga.api.calls.watching.STREAMS_MAX", 0)
    with refused("too-many"):
        await anext(watched(sagas, saga))


async def test_an_answer_that_waits_comes_before_the_deadline_of_its_call(shop: Counter, sagas: SagasStub) -> None:
    shop.blocked.add("charge")
    saga = await shop.start()
    asked = m.GetResultRequest(ref=str(saga))
    asked.wait.FromSeconds(60)
    late = await sagas.GetResult(asked, timeout=0.8)
    shop.release("charge")
    ended = await sagas.GetResult(asked)
    asked.wait.FromSeconds(61)
    refusal = await problem_of_call(sagas.GetResult(asked), "usage")

    assert not late.HasField("status")
    assert (ended.status, ended.value, ended.HasField("reason")) == (m.STATUS_COMPLETED, b'"charge done"', False)
    assert "60 s" in refusal.detail


async def test_a_process_that_stops_answers_what_is_under_way(shop: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.api.grpc.server.STOP_SECONDS", TIMEOUT_SECONDS)
    shop.blocked.add("charge")
    saga = await shop.start()
    asked = m.GetResultRequest(ref=str(saga))
    asked.wait.FromSeconds(TIMEOUT_SECONDS)
    server = AsyncExitStack()
    address = await server.enter_async_context(address_of(shop.sagas))
    async with grpc.aio.insecure_channel(address) as channel:
        sagas = SagasStub(channel)
        events = watched(sagas, saga)
        await anext(events)
        waiting = asyncio.ensure_future(sagas.GetResult(asked))
        await shop.until(saga, lambda _: saga in shop.sagas.process.end_waiters._waiting)
        stopping = asyncio.create_task(server.aclose())
        await asyncio.sleep(0)
        shop.release("charge")
        ended, last = await waiting, [event.WhichOneof("event") async for event in events][-1]
        await stopping

    assert (ended.status, last) == (m.STATUS_COMPLETED, "end")


async def test_a_stream_of_a_process_that_has_stopped_is_cut(shop: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.api.grpc.server.STOP_SECONDS", 0.0)
    saga = await stuck(shop)
    server = AsyncExitStack()
    address = await server.enter_async_context(address_of(shop.away))
    async with grpc.aio.insecure_channel(address) as channel:
        events = watched(SagasStub(channel), saga)
        await anext(events)
        await server.aclose()
        with pytest.raises(grpc.aio.AioRpcError):
            _ = [event async for event in events]
