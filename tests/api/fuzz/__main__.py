"""`python -m tests.api.fuzz --cases 10000`: as many stateful cases, and a fifth as many single requests, on PostgreSQL or in memory."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import asyncpg

from saga_postgres.schema.migrate import migrate
from tests.api.fuzz.requests import Tally, single, stateful
from tests.api.fuzz.shop import api_of
from tests.cli.counter import counter_on
from tests.services import postgres as services

MEMORY = "memory://fuzz"
PORTION = 500
"""Number of cases between two reports."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--store", choices=("postgres", "memory"), default="postgres")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    return asyncio.run(_run(given.cases, given.seed, given.store))


async def _run(cases: int, seed: int, store: str) -> int:
    is_wrong, began = False, perf_counter()
    async with _store(store) as url, counter_on(url) as shop, api_of(shop) as link:
        for send, count in ((single, cases // 5), (stateful, cases)):
            tally = Tally()
            while tally.cases < count:
                portion = min(PORTION, count - tally.cases)
                await asyncio.to_thread(send, link, portion, seed + tally.cases, tally)
                print(f"{send.__name__}, {perf_counter() - began:.0f} s: {_report(tally)}", flush=True)  # noqa: T201
            is_wrong = is_wrong or bool(tally.wrong)
    return int(is_wrong)


@asynccontextmanager
async def _store(name: str) -> AsyncIterator[str]:
    if name == "memory":
        yield MEMORY
        return
    with services.postgres() as server:
        async with services.database(server) as url:
            connection = await asyncpg.connect(url)
            await migrate(connection, schema="saga")
            await connection.close()
            yield url


def _report(tally: Tally) -> str:
    lines = [f"{tally.cases:,} cases, {sum(tally.statuses.values()):,} requests, {len(tally.wrong)} wrong answers"]
    for counts in (tally.statuses, tally.kinds, tally.operations):
        lines.append("  " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common()))
    return "\n".join([*lines, *tally.wrong[:20]])


if __name__ == "__main__":
    sys.exit(main())
