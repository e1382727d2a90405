"""An outage of ten minutes with very many sagas in flight, and the recovery from it.

The outage takes no ten minutes: while everything is down, every point in time in the store is moved ten minutes into the past.
"""

from __future__ import annotations

import tempfile
import time
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import psycopg

import saga
from bench.environment.fleet import Fleet, fleet, migrate
from bench.environment.saga_copies import COPY_ID, NEXT_LOOK, Db
from bench.instruments.number import number
from bench.instruments.sampler import Sampler, sampling
from bench.measurement import Figures, NotMeasured
from bench.measurements.waiting import PROCESSES, described, start
from bench.shop import external
from bench.shop.order import order_of
from saga import loops
from saga_postgres.embedded.server import EmbeddedPostgres

OUTAGE_SECONDS = 600.0
DEADLINE_SECONDS = 600.0
SECONDS_MAX = 240.0
POLL_SECONDS = 0.5
STORM_SECONDS = 60  # the first minute is reported separately
TARGET = "bench.shop.external"

# Some steps are done (0 to 4); the next one is queued, or claimed by a process that no longer exists.
COPIED = """
create table public.copied as
select n, pg_temp.copy_id(at, n) as id, at, (n %% 5)::integer as done, at + make_interval(secs => %(deadline)s) as deadline,
       at + make_interval(secs => pg_temp.next_look(extract(epoch from now() - at)::float8)) as look_at
from (
    select n, now() - make_interval(secs => %(deadline)s * 0.98 * random()) as at
    from generate_series(1, %(sagas)s::bigint) as n
) as drawn
"""
SAGAS = """
insert into saga.saga (id, definition, touched_by, phase, wake_at, deadline, started_at, vector, input)
select c.id, s.definition, s.touched_by, 'R', least(c.look_at, c.deadline), c.deadline, c.at,
       repeat('S', c.done) || 'D' || repeat('P', 4 - c.done), s.input
from public.copied c, saga.saga s where s.id = %(template)s order by c.id
"""
COMMANDS = """
insert into saga.command (saga, step, op, owner, claim, due_at, lease_until, deliveries, service)
select c.id, c.done, 'E', p.id, case when p.id is not null then c.n end, now(), case when p.id is not null then now() + interval '30 s' end,
       case when p.id is null then 0 else 1 end, d.service
from public.copied c join saga.saga s on s.id = %(template)s join saga.definition_step d on d.definition = s.definition and d.step = c.done
left join lateral (select id from saga.participant where cardinality(services) > 0 order by id offset c.n / 5 %% 4 limit 1) as p on true
order by c.id
"""
RESULTS = """
insert into saga.step (saga, step, finished_at, owner, attempts, result)
select c.id, r.step, c.at, r.owner, r.attempts, r.result
from public.copied c join saga.step r on r.saga = %(template)s and r.step < c.done order by c.id
"""
MOVES = (
    """update saga.saga set wake_at = wake_at - make_interval(secs => %(outage)s),
       deadline = deadline - make_interval(secs => %(outage)s) where wake_at is not null""",
    """update saga.command set due_at = due_at - make_interval(secs => %(outage)s),
       lease_until = lease_until - make_interval(secs => %(outage)s), quiet_at = quiet_at - make_interval(secs => %(outage)s)""",
    "update saga.leader set seen_at = seen_at - make_interval(secs => %(outage)s)",
    "update saga.participant set seen_at = seen_at - make_interval(secs => %(outage)s)",
)
PASSED = "select count(*) from saga.saga where phase = 'R' and deadline <= now()"
CLAIMED = "select count(*) from saga.command where owner is not null"
RUNNING = "select count(*) from saga.saga where wake_at is not null"
OVERDUE = "select count(*) from saga.saga where wake_at <= now()"
NOT_EXTENDED = "select count(*) from saga.saga where phase = 'R' and deadline <= %s"
ROLLED_BACK = "select count(distinct saga) from saga.event where kind = 'rolling back'"
EXTENDED = "select count(distinct saga) from saga.event where kind = 'deadline extended'"
COMPLETED = "select count(*) from saga.saga where phase = 'D'"
CLAIMS_MAX = "select coalesce(max(n), 0) from (select count(*) as n from saga.command where owner is not null group by owner) as c"
QUEUED = "select count(*) from saga.command where owner is null"


def outage(postgres: EmbeddedPostgres, url: str, sagas: int) -> Figures:
    """Copies sagas in flight, kills everything, and measures the time until all of them have ended."""
    migrate(url)
    with tempfile.TemporaryDirectory() as folder:
        with fleet(Path(folder)) as services:
            start(services, url, TARGET)
            template = loops.run(_one_that_ends(url))
            _settle(url)
            for process in services.processes:
                process.kill()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create extension pg_stat_statements")
            claimed = _in_flight(connection, template, sagas)
        postgres.kill()
        postgres.start()
        with psycopg.connect(url, autocommit=True) as connection:
            for move in MOVES:
                connection.execute(move.encode(), {"outage": OUTAGE_SECONDS})
            connection.execute("vacuum analyze")
            passed = number(connection, PASSED)
            with fleet(Path(folder)) as services:
                found = _after(postgres, url, services, connection)
    return {
        "sagas in flight": sagas,
        "of these claimed by the dead": claimed,
        "deadlines passed meanwhile": passed,
        **found,
    }


def _in_flight(connection: Db, template: UUID, sagas: int) -> int:
    connection.execute(COPY_ID)
    connection.execute(NEXT_LOOK)
    values = {"template": template, "sagas": sagas, "deadline": DEADLINE_SECONDS}
    for query in (COPIED, SAGAS, COMMANDS, RESULTS):
        connection.execute(query.encode(), values)
    connection.execute("checkpoint")
    return number(connection, CLAIMED)


def _after(postgres: EmbeddedPostgres, url: str, services: Fleet, connection: Db) -> Figures:
    began, began_at = time.monotonic(), time.time()
    marks: dict[str, float] = {}
    claims, queued = 0, 0
    pids = start(services, url, TARGET)
    with sampling(url, postgres.pid or 0, pids) as sampler:
        while "all ended, s" not in marks:
            here = time.monotonic() - began
            claims, queued = max(claims, number(connection, CLAIMS_MAX)), max(queued, number(connection, QUEUED))
            if not number(connection, NOT_EXTENDED, _timestamp(began_at)):
                marks.setdefault("all passed deadlines extended or ended, s", here)
            if not number(connection, OVERDUE):
                marks.setdefault("all overdue redriven, s", here)
            if not number(connection, RUNNING):
                marks["all ended, s"] = here
            if here > SECONDS_MAX:
                raise NotMeasured(f"{number(connection, RUNNING)} sagas have not ended after {SECONDS_MAX:.0f} s")
            time.sleep(POLL_SECONDS)
        memory = {f"{name} MB": sampler.megabytes(name) for name in PROCESSES}
    return {
        **marks,
        "deadlines extended": number(connection, EXTENDED),
        "rolled back": number(connection, ROLLED_BACK),
        "completed": number(connection, COMPLETED) - 1,
        "queued at most": queued,
        "claims of one process at most": claims,
        "statements/s in the first minute, mean": _first_minute(sampler)[0],
        "statements/s in the first minute, max": _first_minute(sampler)[1],
        **memory,
        **described(sampler),
    }


def _first_minute(sampler: Sampler) -> tuple[float, float]:
    each = [later - earlier for earlier, later in pairwise([0, *sampler.statements[: STORM_SECONDS + 1]])]
    return sum(each) / len(each), max(each)


def _timestamp(at: float) -> object:
    return psycopg.TimestampFromTicks(at)


def _settle(url: str) -> None:
    """Returns when a supervisor leads."""
    give_up_at = time.monotonic() + 30
    with psycopg.connect(url, autocommit=True) as connection:
        while not number(connection, "select count(*) from saga.leader where holder is not null"):
            if time.monotonic() > give_up_at:
                raise NotMeasured("nobody leads")
            time.sleep(POLL_SECONDS)


async def _one_that_ends(url: str) -> UUID:
    async with saga.connect(store=url, name="template") as app:
        await app.register(external.completing)
        handle = await app.start(external.completing, order_of(0))
        await handle.result(60)
        return handle.id
