"""The journal suite over memory and Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from saga import memory, registry
from saga.memory.journal import ServiceDatabase
from saga.ports.journal import Journal
from saga.testing.suites.journal import JournalSuite


class TestMemoryJournal(JournalSuite):
    @pytest.fixture(autouse=True)
    def _name(self) -> Iterator[None]:
        self.url = f"memory://{uuid4()}"
        yield
        memory.forget(self.url)

    async def open_journal(self) -> Journal:
        return registry.open_journal(self.url, 5, "test")

    async def make_effect(self, connection: Any, name: str) -> None:
        await connection.put(name, 1)

    async def effects(self) -> set[str]:
        database: ServiceDatabase = memory.service_database(self.url)
        return set(database.rows)


class TestPostgresJournal(JournalSuite):
    @pytest.fixture(autouse=True)
    async def _database(self, postgres_url: str, postgres: asyncpg.Connection[asyncpg.Record]) -> None:
        self.url, self.sql = postgres_url, postgres
        await postgres.execute("create table effect (name text)")

    async def open_journal(self) -> Journal:
        return registry.open_journal(self.url, 5, "test")

    async def make_effect(self, connection: Any, name: str) -> None:
        await connection.execute("insert into effect values ($1)", name)

    async def effects(self) -> set[str]:
        return {row["name"] for row in await self.sql.fetch("select name from effect")}
