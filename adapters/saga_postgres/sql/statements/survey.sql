-- Statements of reading/survey.py.

-- name: sagas
-- Up to $1 sagas that have not ended, by definition and phase. Not overdue: a saga that rolls back, or whose pivot is succeeded or skipped.
with live as materialized (
    select s.definition, s.phase, s.vector, s.deadline, s.rollback_requested, s.wake_at
    from saga s where s.wake_at is not null order by s.wake_at limit $1
)
select split_part(d.name, '~', 1) as definition, l.phase, count(*) as sagas, count(*) filter (where has_quarantined(l.vector)) as stuck,
       coalesce(extract(epoch from now() - min(l.wake_at)), 0)::float8 as scan_lag,
       coalesce(extract(epoch from now() - min(l.deadline) filter (
           where l.phase = 'R' and not l.rollback_requested
             and (t.step is null or substr(l.vector, t.step + 1, 1) not in ('S', 'N')))), 0)::float8 as overdue,
       array_agg(distinct d.id) as numbers
from live l
join definition d on d.id = l.definition
left join definition_step t on t.definition = l.definition and t.is_pivot
group by 1, 2

-- name: queues
-- Due commands of each service, up to $1, and how long the oldest one has waited.
select w.service, count(*) as commands, extract(epoch from now() - min(c.due_at))::float8 as oldest
from (select distinct service from definition_step) as w
cross join lateral (
    select q.due_at from command q where q.service = w.service and q.owner is null and q.due_at <= statement_timestamp()
    order by q.due_at limit $1
) as c
group by w.service

-- name: processes
-- How many live processes the services of definitions $1 have.
select w.service, count(a.id) as processes
from (select distinct unnest(d.services) as service from definition d where d.id = any ($1)) as w
left join alive a on w.service = any (a.services)
group by w.service

-- name: waiting
-- How many parked commands each event would wake, of up to $1 such commands.
select a.name, count(*) as commands
from (select c.awaits from command c where c.owner is null and c.awaits is not null limit $1) as parked
cross join lateral unnest(parked.awaits) as a(name)
group by a.name
