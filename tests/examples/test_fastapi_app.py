"""The FastAPI example, as its users call it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from examples.fastapi_app.service import app
from tests.migrated import migrated_template, store_url  # noqa: F401 (fixtures)
from tests.runtime.world import until

TEA = {"number": 1, "sku": "tea", "quantity": 2}


@asynccontextmanager
async def running(service: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service)
    async with (
        service.router.lifespan_context(service),
        httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client,
    ):
        yield client


@pytest.fixture
async def shop(store_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:  # noqa: F811
    monkeypatch.setenv("SAGA_STORE", store_url)
    async with running(app) as client:
        await app.state.database.execute("insert into public.stock values ('tea', 3)")
        yield client


async def test_an_order_and_its_saga_start_in_one_transaction(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/orders", json=TEA)
    assert answer.status_code == 202
    database: asyncpg.Pool[asyncpg.Record] = app.state.database
    await until(lambda: database.fetchval("select state = 'confirmed' from public.orders"), "the order is confirmed")
    assert await database.fetchval("select free from public.stock") == 1
    again = await shop.post("/orders", json=TEA)
    assert again.status_code == 409
    assert await database.fetchval("select count(*) from saga.saga") == 1


async def test_a_purchase_waits_for_the_end_of_its_saga(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/purchases", json=TEA)
    assert (answer.status_code, answer.json()) == (200, {"left": 1})


async def test_a_purchase_that_cannot_be_fulfilled_says_why(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/purchases", json={**TEA, "quantity": 5})
    assert (answer.status_code, answer.json()) == (409, {"detail": "reserve: there are fewer than 5 of tea"})
    assert await app.state.database.fetchval("select free from public.stock") == 3
