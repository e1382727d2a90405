"""Very many sagas: one saga is brought to the wanted state by Saga itself, and then copied by SQL."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

import psycopg

Db: TypeAlias = psycopg.Connection[tuple[object, ...]]

COPIES_AT_ONCE = 50_000

# A UUIDv7 of the moment at which the copy started; its number makes it unique.
COPY_ID = """
create function pg_temp.copy_id(p_at timestamptz, p_n bigint) returns uuid language sql immutable as $$
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
