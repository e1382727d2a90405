-- Statements of reading/saga_detail.py.

-- name: saga
-- The saga row, the graph and the start key.
select s.phase, s.vector, s.rollback_requested, s.paused, s.reason, s.input, s.tags::text as tags, d.document,
       extract(epoch from s.deadline)::float8 as deadline, extract(epoch from s.wake_at)::float8 as wake_at,
       extract(epoch from s.started_at)::float8 as started_at, extract(epoch from s.ended_at)::float8 as ended_at,
       extract(epoch from clock_timestamp())::float8 as now,
       (select k.key from start_key k where k.saga = s.id limit 1) as key
from saga s join definition d on d.id = s.definition where s.id = $1

-- name: commands
-- The command rows of a saga.
select c.step, c.op, c.deliveries, c.failures, c.error, c.claim is not null as was_claimed, coalesce(p.name, 'process ' || c.owner) as owner,
       extract(epoch from nullif(c.due_at, 'infinity'))::float8 as due_at,
       extract(epoch from c.lease_until)::float8 as lease_until, extract(epoch from c.quiet_at)::float8 as quiet_at,
       extract(epoch from c.first_failed_at)::float8 as first_failed_at, extract(epoch from c.until)::float8 as until, c.awaits
from command c left join participant p on p.id = c.owner where c.saga = $1

-- name: results
-- The results of a saga.
select r.step, extract(epoch from r.finished_at)::float8 as finished_at, r.attempts, r.result,
       coalesce(p.name, 'process ' || r.owner) as process
from step r left join participant p on p.id = r.owner where r.saga = $1

-- name: history
-- The first $3 lines of the history of a saga that started at $2.
select extract(epoch from e.at)::float8 as at, e.kind, e.step, e.detail, e.vector,
       coalesce(p.name, 'process ' || e.process) as process, e.version, e.n
from event e left join participant p on p.id = e.process
where e.saga = $1 and e.at >= $2::timestamptz - interval '1 minute'
order by e.at, e.version nulls last, e.n limit $3

-- name: history_behind
-- The next $6 lines of the history of a saga behind the line with this time ($3), version ($4, or the largest integer) and n ($5).
select extract(epoch from e.at)::float8 as at, e.kind, e.step, e.detail, e.vector,
       coalesce(p.name, 'process ' || e.process) as process, e.version, e.n
from event e left join participant p on p.id = e.process
where e.saga = $1 and e.at >= $2::timestamptz - interval '1 minute'
  and ($3::float8 is null
       or (extract(epoch from e.at)::float8, coalesce(e.version, 2147483647), e.n) > ($3::float8, $4::integer, $5::integer))
order by e.at, e.version nulls last, e.n limit $6
