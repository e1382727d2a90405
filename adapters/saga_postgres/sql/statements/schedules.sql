-- Statements of schedules.py.

-- name: due
-- The schedules that a leader looks at now, at most $1, the most overdue first.
select s.name from schedule s where s.next_at <= now() and not s.is_paused order by s.next_at limit $1

-- name: lock
-- The schedule of this name, locked: two processes that start sagas of it wait here for each other.
select s.name, s.spec, extract(epoch from s.since)::float8 as since, s.is_paused, s.last_moment, s.last_saga,
       extract(epoch from s.next_at)::float8 as next_at
from schedule s where s.name = $1 for update

-- name: all
-- All schedules by name; $1: only this one.
select s.name, s.spec, extract(epoch from s.since)::float8 as since, s.is_paused, s.last_moment, s.last_saga,
       extract(epoch from s.next_at)::float8 as next_at
from schedule s where $1::text is null or s.name = $1 order by s.name

-- name: put
-- Writes a schedule as it is now.
insert into schedule (name, spec, since, is_paused, last_moment, last_saga, next_at)
values ($1, $2, to_timestamp($3::float8), $4, $5, $6, to_timestamp($7::float8))
on conflict (name) do update
set spec = excluded.spec, since = excluded.since, is_paused = excluded.is_paused, last_moment = excluded.last_moment,
    last_saga = excluded.last_saga, next_at = excluded.next_at

-- name: add
-- Lines about schedule $1, one for each element of the arrays.
insert into schedule_run (schedule, moment, cause, saga, last_moment, count, why)
select $1, w.moment, w.cause, w.saga, w.last_moment, w.count, w.why
from unnest($2::text[], $3::text[], $4::uuid[], $5::text[], $6::integer[], $7::text[])
    as w(moment, cause, saga, last_moment, count, why)

-- name: trim
-- Deletes the lines of schedule $1 beyond the newest $2.
delete from schedule_run r
where r.schedule = $1 and r.id <= (select o.id from schedule_run o where o.schedule = $1 order by o.id desc offset $2 limit 1)

-- name: remove
-- Deletes schedule $1, with its lines.
delete from schedule where name = $1

-- name: lines
-- Up to $2 lines of schedule $1, newest first; $3: only those with smaller ids.
select r.id, extract(epoch from r.at)::float8 as at, r.moment, r.cause, r.saga, r.last_moment, r.count, r.why
from schedule_run r where r.schedule = $1 and ($3::bigint is null or r.id < $3) order by r.id desc limit $2
