"""Reads what the provider and the services recorded, for the audit."""

from pathlib import Path

import asyncpg

from examples.order.audit.check import Evidence, Movement, Shipment
from examples.order.demo.databases import Urls
from examples.order.provider.ledger import read_entries

MOVEMENTS = "select order_number, sku, quantity from movement order by id"
FREE = "select sku, free from stock"
SHIPMENTS = "select order_number, sku, quantity, tracking from shipment order by id"
NOTIFIED = "select order_number from shop.notification order by id"

# One parcel of a completed order goes missing: what a person with a console can do.
LOSE_A_SHIPMENT = """
delete from shipment where id = (select id from shipment order by id limit 1) returning order_number
"""


async def read_evidence(urls: Urls, provider_file: Path) -> Evidence:
    """Returns the records of the provider and of the services. An order that is still running may be in some of them only."""
    movements, free = await rows(urls.inventory, MOVEMENTS, FREE)
    (shipments,) = await rows(urls.shipping, SHIPMENTS)
    (notified,) = await rows(urls.store, NOTIFIED)
    return Evidence(
        entries=read_entries(provider_file),
        movements=[Movement(row["order_number"], row["sku"], row["quantity"]) for row in movements],
        free={row["sku"]: row["free"] for row in free},
        shipments=[Shipment(row["order_number"], row["sku"], row["quantity"], row["tracking"]) for row in shipments],
        notified=[row["order_number"] for row in notified],
    )


async def sabotage(urls: Urls) -> str:
    """Removes one shipment behind everyone's back; returns the number of its order."""
    ((row,),) = await rows(urls.shipping, LOSE_A_SHIPMENT)
    return str(row["order_number"])


async def rows(url: str, *queries: str) -> list[list[asyncpg.Record]]:
    """Returns the rows of each query, all read in one snapshot."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(isolation="repeatable_read"):
            return [await connection.fetch(query) for query in queries]
    finally:
        await connection.close()
