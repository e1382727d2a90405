"""A million waiting sagas: the cost of redriving those whose deadlines pass, and of waits for which nothing happens."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles
from uuid import UUID

import psycopg

import saga
from bench.environment.fleet import Fleet, fleet, migrate
from bench.environment.saga_copies import Db, copy_waiting
from bench.instruments.number import number
from bench.instruments.sampler import Sampler, sampling
from bench.measurement import Figures, NotMeasured
from bench.measurements.retries import WAITING
from bench.shop import failing
from bench.shop.order import order_of
from saga import loops
from saga_postgres.embedded.server import EmbeddedPostgres

AGE_SECONDS = 10 * 3600.0  # the oldest of them
LEFT_SECONDS = 24 * 3600.0
LOAD_SECONDS_PER_SAGA = 60e-6  # their redrives are spread around the moment at which all of them exist
DUE_PER_SECOND = 50
WARM_SECONDS = 20.0
TAIL_SECONDS = 15.0  # for deadlines that pass within the window and are enforced late
TEMPLATE_SECONDS_MAX = 60.0
TARGET = "bench.shop.failing:inventory"
PROCESSES = ("supervisor", "participant 1", "participant 2")

DUE = """
create table public.due as
select id, now() + make_interval(secs => %s + %s * random()) as at
from (select id from saga.saga where phase = 'R' order by random() limit %s) as s
"""
HURRY = (
    "update saga.saga s set deadline = due.at, wake_at = least(s.wake_at, due.at) from public.due where due.id = s.id"
)
WAITING_SAGAS = "update saga.saga set deadline = null, wake_at = now() + interval '1 day' * random() where phase = 'R'"
WAITING_COMMANDS = "update saga.command set awaits = '{reviewed}', due_at = now() + interval '1 day' * random()"
LATENESS = """
select extract(epoch from min(e.at) - due.at)::float8
from public.due join saga.event e on e.saga = due.id and e.kind = 'rolling back'
where due.at between to_timestamp(%s) and to_timestamp(%s) group by due.id, due.at
"""
DUE_BETWEEN = "select count(*) from public.due where at between to_timestamp(%s) and to_timestamp(%s)"
LOOKS = "select count(*) from saga.event where at between to_timestamp(%s) and to_timestamp(%s) and kind = 'redriven'"
DEAD = "select coalesce(sum(n_dead_tup), 0) from pg_stat_all_tables where schemaname = 'saga'"
VACUUMS = "select coalesce(sum(autovacuum_count), 0) from pg_stat_all_tables where schemaname = 'saga'"
SIZE = (
    "select sum(pg_total_relation_size(oid)) from pg_class where relnamespace = 'saga'::regnamespace and relkind = 'r'"
)


def waiting(postgres: EmbeddedPostgres, url: str, sagas: int, seconds: float) -> Figures:
    """Returns the samples of a window of this many seconds, with a supervisor and two participants at work."""
    migrate(url)
    template = loops.run(one_that_waits(url, failing.five_steps(1)))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        began = time.monotonic()
        base = time.time() + sagas * LOAD_SECONDS_PER_SAGA
        copy_waiting(connection, template, sagas, age=AGE_SECONDS, left=LEFT_SECONDS, base=base)
        due_seconds = WARM_SECONDS + seconds + TAIL_SECONDS
        connection.execute("vacuum analyze")
        count = min(int(DUE_PER_SECOND * due_seconds), sagas)
        connection.execute(DUE.encode(), [5.0, due_seconds, count])
        connection.execute("create unique index on public.due (id)")
        connection.execute("analyze public.due")
        connection.execute(HURRY.encode())
        loaded_seconds = time.monotonic() - began
        with tempfile.TemporaryDirectory() as folder, fleet(Path(folder)) as services:
            return {"load, s": loaded_seconds, **_window(postgres, url, services, connection, seconds)}


def parked(postgres: EmbeddedPostgres, url: str, sagas: int, seconds: float) -> Figures:
    """Returns the samples of a window in which this many sagas wait for an event, each looked at once within a day."""
    migrate(url)
    template = loops.run(one_that_waits(url, failing.five_steps_and_a_wait()))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create extension pg_stat_statements")
        copy_waiting(connection, template, sagas, age=AGE_SECONDS, left=LEFT_SECONDS, base=time.time())
        for query in (
            WAITING_SAGAS,
            WAITING_COMMANDS,
            "vacuum (full, analyze) saga.saga, saga.command",
            "vacuum analyze",
        ):
            connection.execute(query.encode())
        with tempfile.TemporaryDirectory() as folder, fleet(Path(folder)) as services:
            pids = start(services, url, TARGET)
            time.sleep(WARM_SECONDS)
            with sampling(url, postgres.pid or 0, pids) as sampler:
                time.sleep(seconds)
        return {**described(sampler), "tables and indexes, MB": number(connection, SIZE) / 1e6}


def _window(postgres: EmbeddedPostgres, url: str, services: Fleet, connection: Db, seconds: float) -> Figures:
    pids = start(services, url, TARGET)
    time.sleep(WARM_SECONDS)
    vacuums = number(connection, VACUUMS)
    from_, dead = time.time(), [number(connection, DEAD)]
    with sampling(url, postgres.pid or 0, pids) as sampler:
        time.sleep(seconds)
        memory = {name: sampler.megabytes(name) for name in PROCESSES}
    to = time.time()
    time.sleep(TAIL_SECONDS)
    dead.append(number(connection, DEAD))
    late = [float(str(row[0])) for row in connection.execute(LATENESS.encode(), [from_, to]).fetchall()]
    due = number(connection, DUE_BETWEEN, from_, to)
    if len(late) < 2:
        raise NotMeasured(f"{len(late)} of {due} deadlines were enforced")
    cuts = quantiles(late, n=100)
    return {
        **described(sampler),
        **{f"{name} MB": value for name, value in memory.items()},
        "redriven, sagas/s": number(connection, LOOKS, from_, to) / sampler.seconds,
        "deadlines due": due,
        "deadlines enforced": len(late),
        "lateness p50, s": cuts[49],
        "lateness p99, s": cuts[98],
        "lateness max, s": max(late),
        "dead rows before": dead[0],
        "dead rows after": dead[1],
        "autovacuums": number(connection, VACUUMS) - vacuums,
        "tables and indexes, MB": number(connection, SIZE) / 1e6,
    }


def start(services: Fleet, url: str, target: str) -> dict[str, int]:
    """A supervisor and two participants; returns when they have joined."""
    supervisor = services.start(url, "supervisor")
    participants = [services.start(url, "participant", target) for _ in range(2)]
    services.wait_until_joined(url, 2)
    return dict(zip(PROCESSES, [supervisor.pid, *(one.pid for one in participants)], strict=True))


def described(sampler: Sampler) -> Figures:
    """Returns the samples of a window, under names that are the same for every window."""
    queries: Sequence[float] = sampler.query_ms if len(sampler.query_ms) > 1 else [0.0, 0.0]
    return {
        "seconds": sampler.seconds,
        "load average": sampler.load,
        "redrive queries/s": sampler.queries / sampler.seconds,
        "redrive query mean, ms": sum(queries) / len(queries),
        "redrive query p99, ms": quantiles(queries, n=100)[98],
        **{f"{name}, % of a core": sampler.core_percent(name) for name in PROCESSES},
        "Postgres, % of a core": sampler.server_core_percent,
        "autovacuum, % of a core": sampler.vacuum_core_percent,
        "statements/s": sampler.statements[-1] / sampler.seconds if sampler.statements else 0.0,
        "backlog first": sampler.backlog[0] if sampler.backlog else 0,
        "backlog max": max(sampler.backlog, default=0),
        "backlog last": sampler.backlog[-1] if sampler.backlog else 0,
    }


async def one_that_waits(url: str, definition: saga.Definition) -> UUID:
    """A saga that has come to a command that is parked: a step that is tried again in an hour, or a wait."""
    async with saga.connect(store=url, name="template") as app, app.serve(failing.inventory):
        await app.register(definition)
        handle = await app.start(definition, order_of(0))
        give_up_at = time.monotonic() + TEMPLATE_SECONDS_MAX
        while time.monotonic() < give_up_at:
            with psycopg.connect(url, autocommit=True) as connection:
                if number(connection, WAITING) == 1:
                    return handle.id
            await asyncio.sleep(0.05)
    raise NotMeasured("the saga that is to be copied did not come to its wait")
