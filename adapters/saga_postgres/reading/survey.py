"""All sagas that have not ended at once, for numbers: bounded, by indexes only, and never on the hot path."""

from __future__ import annotations

from typing import Final

from saga.core.state.phase import Phase
from saga.ports.listing import QueueDepth, Survey
from saga_postgres.connection.pool import Connection

# A saga has passed its deadline for nothing where a rollback is on its way, or where it cannot be rolled back any more.
_SAGAS: Final = """
with live as materialized (
    select s.definition, s.phase, s.vector, s.deadline, s.rollback_requested, s.wake_at
    from saga s where s.wake_at is not null order by s.wake_at limit $1
)
select split_part(d.name, '~', 1) as definition, l.phase, count(*) as sagas, count(*) filter (where l.vector ~ '[dwuk]') as stuck,
       coalesce(extract(epoch from now() - min(l.wake_at)), 0)::float8 as scan_lag,
       coalesce(extract(epoch from now() - min(l.deadline) filter (
           where l.phase = 'R' and not l.rollback_requested
             and (t.step is null or substr(l.vector, t.step + 1, 1) not in ('S', 'N')))), 0)::float8 as overdue,
       array_agg(distinct d.id) as numbers
from live l
join definition d on d.id = l.definition
left join definition_step t on t.definition = l.definition and t.is_pivot
group by 1, 2"""
_QUEUES: Final = """
select w.service, count(*) as commands, extract(epoch from now() - min(c.due_at))::float8 as oldest
from (select distinct service from definition_step) as w
cross join lateral (
    select q.due_at from command q where q.service = w.service and q.owner is null and q.due_at <= statement_timestamp()
    order by q.due_at limit $1
) as c
group by w.service"""
_PROCESSES: Final = """
select w.service, count(a.id) as processes
from (select distinct unnest(d.services) as service from definition d where d.id = any ($1)) as w
left join alive a on w.service = any (a.services)
group by w.service"""


async def read_survey(connection: Connection, limit: int) -> Survey:
    """The numbers of one moment, or nearly so."""
    sagas = await connection.fetch(_SAGAS, limit)
    queues = await connection.fetch(_QUEUES, limit)
    numbers = sorted({number for row in sagas for number in row["numbers"]})
    processes = await connection.fetch(_PROCESSES, numbers)
    stuck: dict[str, int] = {}
    for row in sagas:
        stuck[row["definition"]] = stuck.get(row["definition"], 0) + row["stuck"]
    return Survey(
        phases={(row["definition"], Phase(row["phase"].decode())): row["sagas"] for row in sagas},
        stuck=stuck,
        scan_lag_seconds=max([0.0, *(row["scan_lag"] for row in sagas)]),
        deadline_overdue_seconds=max([0.0, *(row["overdue"] for row in sagas)]),
        queues={row["service"]: QueueDepth(row["commands"], row["oldest"]) for row in queues},
        processes={row["service"]: row["processes"] for row in processes},
        is_cut=sum(row["sagas"] for row in sagas) >= limit or any(row["commands"] >= limit for row in queues),
    )
