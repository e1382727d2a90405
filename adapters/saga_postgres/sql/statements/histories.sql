-- Statements of reading/histories.py.

-- name: sagas
-- A page of sagas in the order of their ids.
select s.id, s.definition, s.version, s.phase::text, s.vector, extract(epoch from s.started_at)::float8 as started_at,
       array(select r.step from step r where r.saga = s.id) as results
from saga s where s.id >= $1 order by s.id limit $2

-- name: events
-- The history of sagas. Older partitions are not visited: no line is older than its saga, less a day for a clock that was set.
select e.saga, e.version, e.phase::text, e.vector, e.kind, e.step, e.detail, e.process
from event e where e.saga = any ($1::uuid[]) and e.at >= to_timestamp($2) - interval '1 day'
order by e.saga, e.version nulls last, e.at, e.n

-- name: facts
-- The input of sagas, and the results of these steps of each.
select s.id, s.input,
       array(select r.step from step r where r.saga = s.id and r.step = any ($2::smallint[]) order by r.step) as steps,
       array(select r.result from step r where r.saga = s.id and r.step = any ($2::smallint[]) order by r.step) as results
from saga s where s.id = any ($1::uuid[])

-- name: kept_since
-- The beginning of the oldest daily partition.
select extract(epoch from min(substring(pg_get_expr(c.relpartbound, c.oid) from $$FROM \('([^']+)'\)$$)::timestamptz))::float8
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = to_regclass('event') and c.relname ~ '^event_\d{8}$'
