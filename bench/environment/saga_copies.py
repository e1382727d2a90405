"""Very many sagas: one saga is brought to the wanted state by Saga itself, and then copied by SQL."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import psycopg

Db: TypeAlias = psycopg.Connection[tuple[object, ...]]

COPIES_AT_ONCE = 50_000

# A UUIDv7 of the moment at which the copy started; its number makes it unique.
COPY_ID = """
create or replace function pg_temp.copy_id(p_at timestamptz, p_n bigint) returns uuid language sql immutable as $$
    select (lpad(to_hex((extract(epoch from p_at) * 1000)::bigint), 12, '0') || '7000' || '8' || lpad(to_hex(p_n), 15, '0'))::uuid
$$
"""
# A saga is redriven 30 s after its start, and then whenever its age has doubled, in the end every hour.
NEXT_LOOK = """
create function pg_temp.next_look(p_age float8) returns float8 language sql immutable as $$
    select case when p_age < 30 then 30
                when p_age < 3840 then 30 * 2 ^ (floor(log(2, (p_age / 30)::numeric)) + 1)
                else 3840 + 3600 * (floor((p_age - 3840) / 3600) + 1) end
$$
"""
COPIED = """
create temporary table copied as
select n, pg_temp.copy_id(at, n) as id, at,
       least(at + make_interval(secs => pg_temp.next_look(extract(epoch from %(base)s - at)::float8)), deadline) as wake_at, deadline
from (
    select n, %(base)s - make_interval(secs => random() * %(age)s) as at,
           %(base)s + make_interval(secs => %(left)s * (0.1 + random())) as deadline
    from generate_series(%(first)s::bigint, %(last)s::bigint) as n
) as drawn
"""
SAGAS = """
insert into saga.saga (id, definition, version, touched_by, phase, wake_at, deadline, started_at, vector, input)
select c.id, s.definition, s.version, s.touched_by, s.phase, c.wake_at, c.deadline, c.at, s.vector, s.input
from copied c, saga.saga s where s.id = %(template)s order by c.id
"""
COMMANDS = """
insert into saga.command (saga, step, op, claim, due_at, quiet_at, first_failed_at, deliveries, failures, service, error)
select c.id, k.step, k.op, k.claim, %(base)s + interval '1 hour' * (0.2 + 0.8 * random()), c.at, c.at,
       k.deliveries, k.failures, k.service, k.error
from copied c, saga.command k where k.saga = %(template)s order by c.id
"""
RESULTS = """
insert into saga.step (saga, step, finished_at, owner, attempts, result)
select c.id, r.step, c.at, r.owner, r.attempts, r.result from copied c, saga.step r where r.saga = %(template)s order by c.id
"""
# Every column of every table in which a saga has rows, whatever tables and columns a build has.
COLUMNS = """
select c.relname, string_agg(quote_ident(a.attname), ',' order by a.attnum)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                  and a.attidentity = '' and a.attgenerated = ''
where c.relnamespace = 'saga'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and exists (select from pg_attribute k where k.attrelid = c.oid and k.attname = case c.relname when 'saga' then 'id' else 'saga' end)
group by c.relname
"""
FINISHED = """
create temporary table copied as select pg_temp.copy_id(at, n) as saga, at from (
    select n, now() - make_interval(secs => %(age)s * (1 + 0.1 * random())) as at from generate_series(1, %(sagas)s::bigint) as n) as drawn
"""
REPLACED = {
    "saga": {"id": "copied.saga", "started_at": "copied.at", "ended_at": "copied.at"},
    "event": {"saga": "copied.saga", "at": "copied.at"},
}


def copy_finished(connection: Db, template: UUID, sagas: int, *, age: float) -> None:
    """Makes `sagas` copies of a finished saga, with everything that it has left, as if they had started and ended `age` seconds ago."""
    connection.execute(COPY_ID)
    connection.execute(FINISHED.encode(), {"sagas": sagas, "age": age})
    for table, columns in connection.execute(COLUMNS.encode()).fetchall():
        replaced = REPLACED.get(str(table), {"saga": "copied.saga"})
        values = ",".join(replaced.get(column, f"t.{column}") for column in str(columns).split(","))
        key = "id" if table == "saga" else "saga"
        query = f"insert into saga.{table} ({columns}) select {values} from copied, saga.{table} t where t.{key} = %s order by copied.saga"  # noqa: S608 (names from the catalogue)
        connection.execute(query.encode(), [template])
    connection.execute("drop table copied")


def copy_waiting(
    connection: Db,
    template: UUID,
    sagas: int,
    *,
    age: float,
    left: float,
    base: float,
) -> None:
    """Makes `sagas` copies of a waiting saga, started at any time within `age` seconds before `base` (Unix time), with some `left` seconds
    to their deadlines, and with redrives due as if they had run until `base`.
    """
    connection.execute(COPY_ID)
    connection.execute(NEXT_LOOK)
    for first in range(1, sagas + 1, COPIES_AT_ONCE):
        values = {
            "template": template, "first": first, "last": min(first + COPIES_AT_ONCE - 1, sagas),
            "age": age, "left": left, "base": psycopg.TimestampFromTicks(base),
        }  # fmt: skip
        connection.execute(COPIED.encode(), values)
        for query in (SAGAS, COMMANDS, RESULTS):
            connection.execute(query.encode(), values)
        connection.execute("drop table copied")
