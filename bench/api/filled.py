"""A store with as many sagas as are wanted, of which one in six has not ended. They are written by SQL, always in the same mixture."""

from __future__ import annotations

import zlib
from typing import Any, TypeAlias

import psycopg

import saga
from bench.environment.fleet import migrate
from bench.instruments.number import number
from bench.shop import external
from bench.shop.order import order_of
from saga import loops

Db: TypeAlias = psycopg.Connection[tuple[object, ...]]

LIVE_ONE_IN = 6
RARE_MAX = 1_000
"""Number of live sagas of each of the rare states."""
RARE_LEAST_DISTANCE = 20
TAGGED = 10
"""Number of sagas with the tag `region:atoll`, and of those with the reason `the moon was full`."""
DAYS = 10
AT_ONCE = 250_000
OWNER = 900_000
CONTENTS = "select coalesce(max(sagas), 0) from public.filled"

# A UUIDv7 of the moment at which the saga was started; its number makes it unique.
PREPARE = """
create table public.filled (sagas bigint);
create function public.made_id(p_at timestamptz, p_n bigint) returns uuid language sql immutable as $$
    select (lpad(to_hex((extract(epoch from p_at) * 1000)::bigint), 12, '0') || '7000' || '8' || lpad(to_hex(p_n), 15, '0'))::uuid
$$;
"""
STRANGER = """
insert into saga.participant (id, name, services, capacity, release) values (%(owner)s, 'shop', '{payments}', 1, '')
"""
MADE = """
create temporary table made on commit preserve rows as
select n, public.made_id(at, n) as id, at, is_live, is_marked,
       case when not is_live then case when n %% 50 = 1 then 'rolled back' when n %% 100 = 2 then 'abandoned' else 'completed' end
            when m %% %(every)s = 1 then 'stuck' when m %% %(every)s = 2 then 'paused' when m %% %(every)s = 3 then 'queued'
            when m %% %(every)s = 4 then 'late' when m %% %(every)s = 5 then 'undoing' when m %% %(every)s = 6 then 'claimed'
            when m %% 2 = 0 then 'retrying' else 'later' end as state
from (
    select n, n / %(one_in)s as m, n %% %(one_in)s = 0 as is_live, n %% (%(total)s / %(tagged)s) = 1 as is_marked,
           now() - (%(total)s - n) * (make_interval(days => %(days)s) / %(total)s) - interval '2 minutes' as at
    from generate_series(%(first)s::bigint, %(last)s::bigint) as n
) as drawn
"""
SAGAS = """
insert into saga.saga (id, definition, version, phase, paused, wake_at, deadline, started_at, ended_at, vector, reason, tags, input)
select m.id, t.definition, case when m.is_live then 3 else 6 end,
       case m.state when 'completed' then 'D' when 'rolled back' then 'Z' when 'abandoned' then 'X' when 'undoing' then 'C' else 'R' end,
       m.state = 'paused', case when m.is_live then now() + interval '1 hour' * (1 + random()) end,
       case when m.state = 'late' then now() - interval '5 minutes' else m.at + interval '20 days' end, m.at,
       case when not m.is_live then m.at + interval '3 s' end,
       case m.state when 'completed' then 'SSSSS' when 'rolled back' then 'ZZRPP' when 'abandoned' then 'SS?PP'
                    when 'stuck' then 'SdPPP' when 'undoing' then 'KRPPP' else 'SDPPP' end,
       case when m.is_marked then 'the moon was full' when m.state in ('rolled back', 'undoing') then 'card declined' end,
       jsonb_build_object('region', case when m.is_marked then 'atoll' else (array['north', 'south', 'east', 'west'])[1 + m.n %% 4] end),
       t.input
from made m, saga.saga t where t.id = %(template)s order by m.id
"""
COMMANDS = """
insert into saga.command (
    saga, step, op, owner, claim, due_at, lease_until, quiet_at, first_failed_at, deliveries, failures, service, error
) select m.id, case m.state when 'undoing' then 0 else 1 end, case m.state when 'undoing' then 'C' else 'E' end,
       case m.state when 'claimed' then %(owner)s end, m.n,
       case when m.state in ('stuck', 'paused') then 'infinity' when m.state in ('queued', 'claimed') then m.at
            else now() + interval '1 day' * (0.5 + random()) end,
       case m.state when 'claimed' then now() + interval '1 day' end, m.at,
       case when m.state in ('stuck', 'retrying') then m.at end,
       case when m.state in ('queued', 'later') then 0 else 1 end, case when m.state in ('stuck', 'retrying') then 1 else 0 end,
       case m.state when 'undoing' then 'inventory' else 'payments' end,
       case when m.state in ('stuck', 'retrying') then 'connection refused' end
from made m where m.is_live order by m.id
"""
HISTORY = """
insert into saga.event (saga, at, version, n, step, phase, kind, vector)
select m.id, m.at + interval '1 s' * e.n, e.n + 1, 0, nullif(e.step, -1), e.phase, e.kind, e.vector
from made m, (values (0, -1, 'R'::"char", 'started', 'DPPPP'), (1, 0, 'R', 'succeeded', 'SDPPP')) as e(n, step, phase, kind, vector)
order by m.id, e.n
"""
KEYS = """
insert into saga.start_key (definition_name, key, saga, input_hash)
select 'order', 'order-' || m.n, m.id, '' from made m where m.n %% 4 = 0 order by m.id
"""


def fill(url: str, sagas: int) -> None:
    """Makes the tables and fills them, unless they hold that many already. Says nothing and may take a quarter of an hour."""
    migrate(url)  # also a store that was filled by an older build
    if holds(url) == sagas:
        return
    template = loops.run(_one_that_ends(url))
    every = max(RARE_LEAST_DISTANCE, sagas // LIVE_ONE_IN // RARE_MAX)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute(PREPARE)
        values: dict[str, Any] = {
            "template": template, "total": sagas, "every": every, "one_in": LIVE_ONE_IN, "tagged": TAGGED, "days": DAYS, "owner": OWNER,
        }  # fmt: skip
        connection.execute(STRANGER, values)
        for first in range(1, sagas + 1, AT_ONCE):
            values |= {"first": first, "last": min(first + AT_ONCE - 1, sagas)}
            connection.execute(MADE, values)
            for query in (SAGAS, COMMANDS, HISTORY, KEYS):
                connection.execute(query.encode(), values)
            connection.execute("drop table made")
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
        connection.execute("insert into public.filled values (%s)", [sagas])


def keep_alive(connection: Db) -> None:
    """The process that holds claims in a filled store seems to be alive as long as this connection is open: nobody takes them over."""
    connection.execute("select pg_advisory_lock(%s, %s)", [zlib.crc32(b"saga saga") >> 1, OWNER])
    connection.execute("update saga.participant set seen_at = now() + interval '1 day' where id = %s", [OWNER])


def holds(url: str) -> int:
    """The number of sagas with which a store was filled; 0 if it was not."""
    with psycopg.connect(url, autocommit=True) as connection:
        if not number(
            connection, "select count(*) from pg_tables where schemaname = 'public' and tablename = 'filled'"
        ):
            return 0
        return number(connection, CONTENTS)


async def _one_that_ends(url: str) -> str:
    async with saga.connect(store=url, name="template") as app, app.serve(*external.PARTICIPANTS):
        await app.register(external.completing)
        handle = await app.start(external.completing, order_of(0))
        await handle.result(60)
        return str(handle.id)
