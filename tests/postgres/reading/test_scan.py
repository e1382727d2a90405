"""The windows of a search."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import UUID

from saga.ports.values.scan import SagaScan
from saga_postgres.connection.pool import Pool
from saga_postgres.reading.ledger import PostgresLedger
from tests.postgres.rows import Tables, add_definition, add_saga

HOUR_SECONDS = 3600.0


async def test_a_search_for_old_sagas_reads_each_of_them_once(pool: Pool, tables: Tables) -> None:
    definition = await add_definition(tables)
    for _ in range(3):
        await add_saga(tables, definition, "DPP")
    old = [await add_saga(tables, definition, "DPP", age_seconds=24 * HOUR_SECONDS - n) for n in range(5)]
    ledger, found = PostgresLedger(pool), list[UUID]()
    scan = SagaScan(rows_max=2, started_until=time.time() - 12 * HOUR_SECONDS)

    for _ in range(len(old)):
        page = await ledger.scan(scan)
        found += [one.saga for one in page.sagas]
        if page.scanned_to is None:
            break
        scan = replace(scan, before=page.scanned_to)

    assert found == old[::-1]


async def test_a_search_for_new_sagas_ends_before_the_old_ones(pool: Pool, tables: Tables) -> None:
    definition = await add_definition(tables)
    for _ in range(3):
        await add_saga(tables, definition, "DPP", age_seconds=24 * HOUR_SECONDS)
    new = await add_saga(tables, definition, "DPP")

    page = await PostgresLedger(pool).scan(SagaScan(rows_max=2, started_from=time.time() - HOUR_SECONDS))

    assert ([one.saga for one in page.sagas], page.scanned_to) == ([new], None)
