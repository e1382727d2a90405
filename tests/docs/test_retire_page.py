"""The statement and the command of the page about retiring do what it says, and no more."""

from __future__ import annotations

import asyncpg
import pytest

import saga
from saga_postgres.schema.migrate import migrate
from tests.docs.page import page

shop = saga.Participant("inventory")


@shop.step(external=True, read_only=True)
async def price(units: int) -> int:
    return units


order = saga.Definition("order", input=int)
order.returns(order.step("inventory.price").output)


async def test_a_definition_is_deactivated_and_a_service_forgotten(
    postgres: asyncpg.Connection, postgres_url: str
) -> None:
    statements = {
        block.file_name: block.body for block in page("docs/how-to/retire.md").blocks() if block.language == "sql"
    }
    await migrate(postgres, schema="saga")
    async with saga.connect(store=postgres_url) as sagas, sagas.serve(shop):
        await sagas.register(order)
        started = await sagas.start("order", 7)

        await postgres.execute(statements["deactivate.sql"])
        assert (await started.result(timeout_seconds=20)).value == 7
        with pytest.raises(saga.NotFound, match="no activated version"):
            await sagas.start("order", 8)
    async with saga.connect(store=postgres_url) as sagas:
        assert await sagas.process.directory.forget("inventory", deactivate=False) == []
    assert await postgres.fetchval("select count(*) from saga.contract") == 0
