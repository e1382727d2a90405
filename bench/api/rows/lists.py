"""Lists: each filter of the query language in a store with very many sagas, beside the same in a store with few."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import quote

import psycopg

from bench.api.filled import fill, keep_alive
from bench.api.http import Http, connected
from bench.api.queries import QUERIES
from bench.api.row import SMALL, Found, Run
from bench.api.served import api
from bench.measurement import NotMeasured
from bench.peers.trial import percentile
from saga.inspection.query.search import SECONDS_MAX
from saga_postgres.embedded.server import NOT_DURABLE, EmbeddedPostgres

NAME = "lists"
TIMES_MOST = 3.0
CUT_MOST = 2.0
"""A search that is cut ends after its limit of time, and may have begun to read its last window by then."""
ASKED = 21
ASKED_IF_CUT = 7
"""Number of times that each query is asked, alternately in both stores."""
HTTP_OK = 200
PLANS = Path("build/api-plans.txt")
FILLING = {**NOT_DURABLE, "max_wal_size": "4GB", "autovacuum": "off"}
EXPLAINING = (
    "alter database {} set session_preload_libraries = 'auto_explain'",
    "alter database {} set auto_explain.log_min_duration = 0",
    "alter database {} set auto_explain.log_analyze = on",
)
SILENT = "alter database {} reset all"
LARGE_TABLES = ("saga", "command", "event", "step", "start_key")
SEQUENTIAL = re.compile(rf"Seq Scan on (?:{'|'.join(LARGE_TABLES)}|event_\w+)\b.*")


def measure(run: Run) -> Iterator[Found]:
    """Yields p95 of each query in the large store divided by that in the small one, and the number of sequential scans."""
    folder = run.folder / "postgres"
    names = {"small": SMALL, f"large_{run.sagas}": run.sagas}
    with EmbeddedPostgres(folder, settings=FILLING) as postgres:
        for name, sagas in names.items():
            run.say(f"lists: filling a store with {sagas:,} sagas")
            fill(_database(postgres, name), sagas)
    with EmbeddedPostgres(folder) as postgres, ExitStack() as stack:
        small, large = (_database(postgres, name) for name in names)
        run.say("lists: explaining")
        yield _explained(postgres, large, folder / "log")
        run.say("lists: asking")
        links = [stack.enter_context(_searched(url)) for url in (small, large)]
        with asyncio.Runner() as runner:
            for query in QUERIES:
                run.say(f"lists: asking {query or 'for all'}")
                yield runner.run(_compared(query, *links))


def _database(postgres: EmbeddedPostgres, name: str) -> str:
    """The URL of this database, which is made if it is not there."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", [name]).fetchone() is None:
            connection.execute(f"create database {name}".encode())
    return f"{postgres.url.rpartition('/')[0]}/{name}"


@contextmanager
def _searched(url: str) -> Iterator[str]:
    """An API for this store. The process that holds the claims seems to be alive while it runs."""
    with psycopg.connect(url, autocommit=True) as connection:
        keep_alive(connection)
        with api(url) as served:
            yield served.link


def _explained(postgres: EmbeddedPostgres, url: str, log: Path) -> Found:
    """Asks every query once, and looks for sequential scans of large tables among the plans, which `PLANS` then has."""
    database = url.rpartition("/")[2]
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        for statement in EXPLAINING:
            connection.execute(statement.format(database).encode())
    begin = log.stat().st_size
    with _searched(url) as link:
        asyncio.run(_ask_each(link))
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(SILENT.format(database).encode())
    plans = log.read_bytes()[begin:].decode(errors="replace")
    PLANS.parent.mkdir(parents=True, exist_ok=True)
    PLANS.write_text(plans)
    scans = SEQUENTIAL.findall(plans)
    note = f"{plans.count('plan:'):,} plans are in {PLANS}"
    return Found("sequential scans of large tables", [len(scans)], most=0, note=note, details={"scans": scans[:10]})


async def _ask_each(link: str) -> None:
    async with connected(link) as http:
        for query in QUERIES:
            await _asked(http, query)


async def _compared(query: str, small: str, large: str) -> Found:
    async with connected(small) as few, connected(large) as many:
        return await _compare(query, few, many)


async def _compare(query: str, few: Http, many: Http) -> Found:
    """Asks in both stores in turn. A search that was cut is judged by its limit of time, any other by the one in the small store."""
    await _asked(few, query)
    is_cut = (await _asked(many, query))[1]
    small, large = list[float](), list[float]()
    for _ in range(ASKED_IF_CUT if is_cut else ASKED):
        small.append((await _asked(few, query))[0])
        large.append((await _asked(many, query))[0])
    slow, base = percentile(large, 0.95), percentile(small, 0.95)
    details: dict[str, object] = {"query": query, "p95_ms": slow * 1e3, "p95_ms_small": base * 1e3, "is_cut": is_cut}
    details |= {"p50_ms": median(large) * 1e3, "p50_ms_small": median(small) * 1e3}
    note = f"{slow * 1e3:.0f} ms, small {base * 1e3:.0f}; medians {median(large) * 1e3:.0f}, {median(small) * 1e3:.0f}"
    if is_cut:
        what = f"p95 of its limit: {query}"
        return Found(what, [slow / SECONDS_MAX], most=CUT_MOST, note=f"cut: {note}", details=details)
    return Found(f"p95: {query or 'all'}", [slow / base], most=TIMES_MOST, note=note, details=details)


async def _asked(http: Http, query: str) -> tuple[float, bool]:
    """Returns the seconds until the answer was there, and whether the search was cut."""
    began = time.monotonic()
    answer = await http.get(f"/v1/sagas?q={quote(query)}")
    seconds = time.monotonic() - began
    document = answer.json()
    if answer.status != HTTP_OK:
        raise NotMeasured(f"{query}: {document}")
    return seconds, not document["complete"]
