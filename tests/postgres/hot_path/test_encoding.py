"""A database whose encoding is not UTF-8: what it cannot hold is written as escapes, in the store and in a journal."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from saga import Definition, Participant, Reject, Retry
from saga_postgres.schema.migrate import migrate
from tests.runtime.world import World
from tests.services import postgres as services


@contextlib.asynccontextmanager
async def encoded(server_url: str, encoding: str) -> AsyncIterator[str]:
    """A database in this encoding."""
    async with services.database(server_url, template=f"template0\" encoding '{encoding}' locale \"C") as url:
        yield url


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1251"])
async def test_words_in_any_letters_reach_a_database_of_any_encoding(postgres_server: str, encoding: str) -> None:
    calls = list[int]()
    async with encoded(postgres_server, encoding) as store, encoded(postgres_server, encoding) as own:
        connection = await asyncpg.connect(store)
        await migrate(connection, schema="saga")
        await connection.close()
        external, journaled = Participant("external"), Participant("journaled", database=own)

        @external.step(external=True)
        async def work() -> str:
            return "готово ß"

        @work.compensation
        async def undo() -> None:
            calls.append(1)
            if len(calls) < 2:
                raise RuntimeError("ошибка сети ß")

        @journaled.step
        async def refuse(text: str) -> None:
            raise Reject(f"нет, {text}: ß 日本")

        @refuse.compensation
        async def nothing() -> None: ...

        definition = Definition("letters")
        worked = definition.step("external.work", compensation_retry=Retry(attempts=2, first="10ms"))
        definition.step("journaled.refuse", inputs=worked.output)
        async with World(store) as world:
            sagas = await world.join(external, journaled)
            ending = await (await sagas.start(definition, tags={"name": "plain"})).result(15)
            assert ending.status == "compensated"
            assert str(ending.reason).startswith("refuse: ")
            assert len(calls) == 2
            await world.verify()
