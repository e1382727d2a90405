"""Collects the records of all parts, when only the servers are still running."""

from __future__ import annotations

from pathlib import Path

from saga.app import open_adapter
from saga.history import Verdict, verify
from saga.settings import Settings
from tests.chaos.audit import Evidence
from tests.chaos.records import Row, Saga
from tests.chaos.system import customer, provider
from tests.chaos.waits import evidence as waits
from tests.process.fleet import connected
from tests.runtime.world import Sql

STORE_TABLES = """
create table public.noted (saga uuid, amount integer);
create table public.confirmed (saga uuid, amount integer);
create table public.chosen (saga uuid, amount integer);
create table public.backordered (saga uuid, amount integer);
"""
STOCK_TABLES = "create table reserved (saga uuid, amount integer)"
SAGAS = """
select s.id::text, d.name as definition, coalesce(k.key, 'none') as key, convert_from(s.input, 'UTF8')::integer as number,
       s.phase::text, s.vector
from saga s join definition d on d.id = s.definition left join start_key k on k.saga = s.id"""
# Leftover -> a statement that describes each of them.
LEFT = {
    "command": "select format('%s step %s op %s owner %s due %s', saga, step, op, owner, due_at) from command limit 100",
    "process": "select name from participant",
    "transaction": (
        "select query from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
        " and state like 'idle in transaction%'"
    ),
    "advisory lock": (
        "select objid::text from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()"
        " and database = (select oid from pg_database where datname = current_database())"
    ),
}
UNFINISHED = "select (select count(*) from saga where ended_at is null) + (select count(*) from command)"


async def prepare(store: str, stock: str) -> None:
    """The services' own tables."""
    async with connected(store) as sql:
        await sql.execute(STORE_TABLES)
        await sql.execute(waits.TABLES)
    async with connected(stock) as sql:
        await sql.execute(STOCK_TABLES)


async def collect(store: str, stock: str, folder: Path) -> Evidence:
    """`folder` has the provider's file and those of the customers."""
    async with connected(store, search_path="saga") as books, connected(stock) as shelves:
        rows = await books.fetch(SAGAS)
        waiting = await waits.collect_waits(books, folder)
        tables = {
            **{name: await _rows(books, f"public.{name}") for name in waits.EFFECTS},
            "noted": await _rows(books, "public.noted"),
            "confirmed": await _rows(books, "public.confirmed"),
            "chosen": await _rows(books, "public.chosen"),
            "backordered": await _rows(books, "public.backordered"),
            "reserved": await _rows(shelves, "reserved"),
        }
        leaked = [f"{what}: {row[0]}" for what, query in LEFT.items() for row in await books.fetch(query)]
    sagas = [Saga(*row.values()) for row in rows]
    lines = provider.read(folder / provider.FILE)
    verdict = await checked(store)
    broken = [*map(str, verdict.findings), *(f"{count} sagas: {why}" for why, count in verdict.unverifiable.items())]
    return Evidence(sagas, tables, lines, customer.read(folder), leaked, broken, verdict.transitions, waits=waiting)


async def checked(store: str) -> Verdict:
    """The findings of the independent checker about the recorded history."""
    adapter = open_adapter(Settings.model_validate({"store": store}), "chaos")
    await adapter.open()
    try:
        return await verify(adapter.listing)
    finally:
        await adapter.close()


async def _rows(sql: Sql, table: str) -> list[Row]:
    return [Row(str(row["saga"]), row["amount"]) for row in await sql.fetch(f"select saga, amount from {table}")]  # noqa: S608
