"""The page about SQLAlchemy on a real store: a saga starts with the caller's transaction, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

import saga
from saga_postgres.schema.migrate import migrate
from tests.docs.page import page
from tests.docs.test_snippets import snippets

PAGE = "docs/how-to/sqlalchemy.md"
shop = saga.Participant("shop")


@shop.step(external=True, read_only=True)
async def price(order: dict[str, str]) -> int:
    return len(order)


order = saga.Definition("order", input=dict[str, str])
order.returns(order.step("shop.price").output)


@pytest.fixture
async def names(
    postgres: asyncpg.Connection, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, Any]]:
    """The names that the blocks of the page define, on an empty store."""
    await migrate(postgres, schema="saga")
    await postgres.execute("create table shop_order (number text primary key, sku text not null)")
    monkeypatch.setenv("SAGA_STORE", postgres_url)
    found: dict[str, Any] = {"__name__": "page"}
    for block in snippets(page(PAGE)):
        exec(block.body, found)  # noqa: S102 (our own page)
    yield found
    await found["engine"].dispose()


async def test_a_saga_starts_with_the_transaction_of_a_session(names: dict[str, Any]) -> None:
    async with saga.connect() as sagas, sagas.serve(shop), AsyncSession(names["engine"]) as session:
        await sagas.register(order)
        handle = await names["place"](session, sagas, order, "1017", "lamp")
        ending = await handle.result(timeout_seconds=20)

    assert ending.value == 1


async def test_a_rollback_of_the_session_leaves_no_saga(names: dict[str, Any]) -> None:
    async with saga.connect() as sagas, sagas.serve(shop), AsyncSession(names["engine"]) as session:
        await sagas.register(order)
        await sagas.start(order, {"sku": "lamp"}, key="1018", tx=session)
        await session.rollback()

        with pytest.raises(saga.NotFound, match="1018"):
            await sagas.find(order, "1018")
