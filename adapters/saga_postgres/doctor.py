"""Checks a Postgres and the processes on it; each problem comes with a remedy."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import asyncpg

from saga.core.definition.graph import graph_from_json
from saga.core.definition.narrowing import missing_fields
from saga.errors import DefinitionError, SagaError
from saga.ports.bus_doctor import Check, failed, passed
from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX
from saga_postgres.connection.failures import translated
from saga_postgres.connection.pool import Connection, Row, checked_namespace
from saga_postgres.connection.pooler import is_pooled_at
from saga_postgres.connection.session import CONNECT_TIMEOUT_SECONDS, search_path
from saga_postgres.connection.url import place_of
from saga_postgres.schema.migrate import check
from saga_postgres.statements import statements

VERSION_MIN: Final = 14
CLOCK_SKEW_SECONDS_MAX: Final = 1.0
TRANSACTION_SECONDS_MAX: Final = 300.0
DEAD_ROWS_MAX: Final = 200_000
LATE_SECONDS_MAX: Final = 60.0
"""Timers, timeouts, events and schedules may be this late."""

_SQL: Final = statements("doctor")
_SETTINGS: Final = _SQL["settings"]
_CLOCK: Final = "select extract(epoch from clock_timestamp())::float8"
_DEAD_ROWS: Final = _SQL["dead_rows"]
_HORIZON: Final = _SQL["oldest_transaction"]
_STANDBYS: Final = _SQL["standbys"]
_ALIVE: Final = "select name, services from alive order by name"
_SILENT: Final = "select count(*) from participant where id not in (select id from alive)"
_UNSERVED: Final = _SQL["unserved"]
_LEADER: Final = _SQL["leader"]
_STUCK: Final = _SQL["stuck"]
_BROKEN: Final = _SQL["broken_definitions"]
_WITHOUT_HANDLER: Final = _SQL["without_handler"]
_STEPS_IN_USE: Final = _SQL["steps_in_use"]
_ORPHANS: Final = _SQL["orphaned_services"]
_LATE_WAITS: Final = _SQL["late_waits"]
_UNWOKEN: Final = _SQL["unwoken_events"]
_LATE_SCHEDULES: Final = _SQL["late_schedules"]


async def examine(url: str, namespace: str) -> AsyncIterator[Check]:
    """Yields checks in the order of their importance; after one that makes the others pointless it stops."""
    place, schema = place_of(url), checked_namespace(namespace)
    try:
        with translated(place):
            connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS, statement_cache_size=0)
    except SagaError as error:
        yield failed("server", str(error), "start the server, or correct the URL (user, password, host, database)")
        return
    try:
        async for found in _examined(connection, url, schema):
            yield found
    finally:
        connection.terminate()


async def _examined(connection: Connection, url: str, schema: str) -> AsyncIterator[Check]:
    settings = await connection.fetchrow(_SETTINGS)
    yield passed("server", f"{place_of(url)} answers")
    yield _version(settings)
    yield _durability(settings)
    yield await _pooler(url)
    yield await _clock(connection)
    yield await _horizon(connection)
    yield await _replication(connection)
    try:
        await check(connection, schema)
    except SagaError as error:
        yield failed("schema", str(error), f"saga migrate (namespace {schema})")
        return
    yield passed("schema", f"schema {schema!r} is the one this build needs")
    for check_sagas in _SAGA_CHECKS:
        async with connection.transaction(readonly=True):  # for this transaction only, as behind a pooler
            await connection.execute("select set_config('search_path', $1, true)", search_path(schema))
            found = await check_sagas(connection)
        yield found


def _version(settings: Mapping[str, Any]) -> Check:
    if settings["is_standby"]:
        return failed("version", "this server is a standby, which is read-only", "use the URL of the primary")
    if settings["major"] < VERSION_MIN:
        return failed("version", f"PostgreSQL {settings['version']}", f"upgrade it to {VERSION_MIN} or newer")
    return passed("version", f"PostgreSQL {settings['version']}")


def _durability(settings: Mapping[str, Any]) -> Check:
    names = ("fsync", "synchronous_commit", "full_page_writes")
    off = [name for name in names if settings[name] == "off"]
    if off:
        detail = f"{', '.join(off)} off: a crash of the server loses acknowledged commits, or the whole database"
        return failed("durability", detail, f"set {', '.join(off)} to on")
    return passed("durability", ", ".join(f"{name} {settings[name]}" for name in names))


async def _pooler(url: str) -> Check:
    if await is_pooled_at(url, timeout_seconds=CONNECT_TIMEOUT_SECONDS):
        detail = "a pooler in transaction mode (PgBouncer?) is in front: session locks and LISTEN do not work behind it"
        return failed("pooler", detail, "use the address of the server itself, or a pool in session mode")
    return passed("pooler", "no transaction pooler in front")


async def _clock(connection: Connection) -> Check:
    asked_at = time.time()
    theirs: float = await connection.fetchval(_CLOCK)
    skew = theirs - (asked_at + time.time()) / 2
    is_close = abs(skew) <= CLOCK_SKEW_SECONDS_MAX
    remedy = (
        None
        if is_close
        else "run NTP on both machines: deadlines use the server's clock, ids and logs use this machine's"
    )
    return Check(
        "clock", is_close, f"the server's clock is {abs(skew):.3f} s {'ahead' if skew > 0 else 'behind'}", remedy
    )


async def _horizon(connection: Connection) -> Check:
    oldest = await connection.fetchrow(_HORIZON, TRANSACTION_SECONDS_MAX)
    if oldest is None:
        return passed("vacuum", "no old transaction blocks vacuum")
    detail = (
        f"{oldest['who']} has been in a transaction for {oldest['age']:.0f} s and keeps vacuum from removing dead rows"
    )
    return failed("vacuum", detail, "end it, and set idle_in_transaction_session_timeout")


async def _replication(connection: Connection) -> Check:
    row = await connection.fetchrow(_STANDBYS)
    if row["standbys"] == 0:
        detail = "no standby, so no failover; after restoring a backup, check journaled and external steps by hand"
        return passed("replication", detail)
    if row["synchronous"] and row["waits"]:
        return passed("replication", f"{row['synchronous']} of {row['standbys']} standbys are synchronous (RPO 0)")
    detail = (
        f"no commit waits for any of the {row['standbys']} standbys: a failover can lose some, "
        "and journaled and external steps need RPO 0"
    )
    return failed("replication", detail, "set synchronous_standby_names, with synchronous_commit = on")


async def _dead_rows(connection: Connection) -> Check:
    rows = await connection.fetch(_DEAD_ROWS, await connection.fetchval("select current_schema()"), DEAD_ROWS_MAX)
    if not rows:
        return passed("dead rows", "vacuum keeps up")
    detail = ", ".join(f"{row['relname']} has {row['n_dead_tup']} dead rows beside {row['n_live_tup']}" for row in rows)
    return failed("dead rows", detail, "let autovacuum work faster (autovacuum_vacuum_cost_limit), or vacuum now")


async def _participants(connection: Connection) -> Check:
    rows, silent = await connection.fetch(_ALIVE), await connection.fetchval(_SILENT)
    services = sorted({service for row in rows for service in row["services"]})
    detail = f"{len(rows)} alive, serving {', '.join(services) or 'nothing'}" + (f"; {silent} silent" if silent else "")
    if not rows:
        return failed("participants", detail, "start participants: saga participant module:name")
    return passed("participants", detail)


async def _unserved(connection: Connection) -> Check:
    rows = await connection.fetch(_UNSERVED)
    if not rows:
        return passed("queues", "every service with due commands has a live process")
    waiting = (f"{row['service']} ({row['commands']} commands, the oldest for {row['oldest']:.0f} s)" for row in rows)
    return failed(
        "queues", f"commands are due, but no process is alive: {', '.join(waiting)}", "start a process of each"
    )


async def _leader(connection: Connection) -> Check:
    row = await connection.fetchrow(_LEADER)
    remedy = "start a supervisor: saga supervisor"
    if row is None:
        return failed("supervisor", "no supervisor has ever run: deadlines are not enforced", remedy)
    detail = f"term {row['term']}, {row['holder'] or 'resigned'}, last seen {row['silence']:.0f} s ago"
    if row["holder"] is None or row["silence"] > LEADER_SILENCE_SECONDS_MAX:
        return failed("supervisor", detail, remedy)
    return passed("supervisor", detail)


async def _orphans(connection: Connection) -> Check:
    services = [row["service"] for row in await connection.fetch(_ORPHANS)]
    if not services:
        return passed("contracts", "every service with a contract has a live process")
    return failed(
        "contracts",
        f"published, but no process is alive: {', '.join(services)}",
        "start a process of each, or if it is gone for good: saga forget SERVICE",
    )


async def _handlers(connection: Connection) -> Check:
    missing = [row["what"] for row in await connection.fetch(_WITHOUT_HANDLER)]
    if not missing:
        return passed("handlers", "no command waits for a handler that its process lacks")
    return failed(
        "handlers",
        f"commands wait for handlers that a live process lacks: {', '.join(missing)}",
        "deploy a build that has them",
    )


async def _definitions(connection: Connection) -> Check:
    broken = [row["what"] for row in await connection.fetch(_BROKEN)]
    for row in await connection.fetch(_STEPS_IN_USE):
        with contextlib.suppress(DefinitionError):  # of a later build
            broken += _lacking(row)
    if not broken:
        return passed(
            "definitions", "every step of every definition in use has its contract, and the input that it takes"
        )
    return failed("definitions", "; ".join(broken), "start a build that serves them, or register a new version")


def _lacking(row: Row) -> Iterator[str]:
    """Names the fields that a handler requires and that its step, which takes the saga's input, never has.

    The contract was wider when the definition was registered.
    """
    step = graph_from_json(row["document"]).steps[row["step"]]
    missing = missing_fields(json.loads(row["given"]), json.loads(row["wanted"])) if step.inputs is None else []
    if missing:
        yield f"{row['definition']}, step {step.name}: {row['contract']} requires {', '.join(missing)} now, which its input lacks"


async def _waits(connection: Connection) -> Check:
    rows = await connection.fetch(_LATE_WAITS, LATE_SECONDS_MAX)
    events = await connection.fetchval(_UNWOKEN, LATE_SECONDS_MAX)
    late = [
        f"{row['commands']} timers and timeouts of {row['service']} are over, the oldest for {row['oldest']:.0f} s"
        for row in rows
    ]
    if events:
        late.append(f"{events} events were sent, and no process has woken the sagas that wait for them")
    if not late:
        return passed("waits", "timers, timeouts and events are dealt with in time")
    return failed("waits", "; ".join(late), "start a process of each service, or give those that run less to do")


async def _schedules(connection: Connection) -> Check:
    names = [name for (name,) in await connection.fetch(_LATE_SCHEDULES, LATE_SECONDS_MAX)]
    if not names:
        return passed("schedules", "every schedule is kept")
    return failed(
        "schedules",
        f"moments have passed that no supervisor deals with: {', '.join(names)}",
        "start a supervisor: saga supervisor",
    )


async def _stuck(connection: Connection) -> Check:
    rows = await connection.fetch(_STUCK)
    if not rows:
        return passed("stuck", "no saga waits for an operator")
    each = (f"{row['sagas']} of {row['definition']} (the oldest for {row['oldest']:.0f} s)" for row in rows)
    return failed("stuck", f"sagas wait for an operator: {', '.join(each)}", "saga ls --stuck, then saga why ID")


_SAGA_CHECKS: Final[tuple[Callable[[Connection], Awaitable[Check]], ...]] = (
    _dead_rows, _participants, _unserved, _leader, _orphans, _handlers, _definitions, _waits,
    _schedules, _stuck,
)  # fmt: skip
