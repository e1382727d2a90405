"""The three databases of the shop: Saga's store, inventory's and shipping's.

They are made for each run, on the server of `$DATABASE_URL` or else on an embedded one.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from examples.order import services
from examples.order.data.files import UNSERVED_REGIONS, read_articles
from saga_postgres.embedded.server import EmbeddedPostgres

SCHEMAS = Path(services.__file__).parent


@dataclass(frozen=True, slots=True)
class Urls:
    store: str
    inventory: str
    shipping: str
    bus: str | None = None
    """The URL of the bus; None: commands travel through the store."""


@asynccontextmanager
async def databases() -> AsyncIterator[Urls]:
    """Serves three databases with the services' own tables in them."""
    url = os.environ.get("DATABASE_URL")
    if url:
        async with _databases_on(url) as urls:
            yield urls
    else:
        with EmbeddedPostgres() as embedded:
            yield await _make_databases(embedded.url, "shop")
            embedded.crash()  # its data is discarded, so it need not write a checkpoint


@asynccontextmanager
async def _databases_on(server: str) -> AsyncIterator[Urls]:
    """Drops them again: on an embedded server they go with the server."""
    prefix = f"shop_{secrets.token_hex(4)}"
    try:
        yield await _make_databases(server, prefix)
    finally:
        await _on(server, *(f"drop database if exists {name} with (force)" for name in _names(prefix)))


async def _make_databases(server: str, prefix: str) -> Urls:
    await _on(server, *(f"create database {name}" for name in _names(prefix)))
    urls = Urls(*(urlsplit(server)._replace(path=f"/{name}").geturl() for name in _names(prefix)))
    await fill(urls)
    return urls


def _names(prefix: str) -> list[str]:
    return [f"{prefix}_{suffix}" for suffix in ("store", "inventory", "shipping")]


async def fill(urls: Urls) -> None:
    """Makes the services' own tables and fills the stock, unless they exist already."""
    if await _has(urls.shipping, "shipment"):
        return
    await _on(urls.store, _schema("notifications"))
    await _on(urls.inventory, _schema("inventory"))
    await _on(urls.shipping, _schema("shipping"))
    stock = [(article.sku, article.units) for article in read_articles()]
    await _copy(urls.inventory, "stock", ["sku", "free"], stock)
    await _copy(urls.shipping, "unserved_region", ["region"], [(region,) for region in UNSERVED_REGIONS])


def _schema(service: str) -> str:
    return (SCHEMAS / f"{service}.sql").read_text(encoding="utf-8")


async def _has(url: str, table: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return bool(await connection.fetchval("select to_regclass($1) is not null", table))
    finally:
        await connection.close()


async def _on(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _copy(url: str, table: str, columns: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.copy_records_to_table(table, columns=columns, records=rows)
    finally:
        await connection.close()


if __name__ == "__main__":  # for databases that exist already, as in docker-compose.yml
    asyncio.run(fill(Urls(*(os.environ[name] for name in ("SAGA_STORE", "INVENTORY_DB", "SHIPPING_DB")))))
