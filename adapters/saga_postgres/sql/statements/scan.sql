-- Statements of reading/scan.py.

-- name: window
-- At most $2 sagas before the id $1, newest first, of which those that pass are returned. The window is read along the primary key, no
-- further than the last one returned.
select s.id, s.definition, s.phase, s.vector, s.rollback_requested, s.paused, s.reason, s.tags::text as tags,
       extract(epoch from s.deadline)::float8 as deadline, extract(epoch from s.wake_at)::float8 as wake_at,
       extract(epoch from s.started_at)::float8 as started_at, extract(epoch from s.ended_at)::float8 as ended_at,
       case when $13::boolean then (select k.key from start_key k where k.saga = s.id limit 1) end as key
from (
    -- include: source
) as s
where ($3::uuid[] is null or s.id = any ($3))
  and ($8::"char"[] is null or s.phase = any ($8))
  and ($9::integer[] is null or s.definition = any ($9))
  and (not $10::boolean or (s.ended_at is null and has_quarantined(s.vector)))
  and ($11::jsonb is null or s.tags @> $11)
  and ($4::float8 is null or s.started_at >= to_timestamp($4))
  and ($5::float8 is null or s.started_at < to_timestamp($5))
  and ($12::text is null or strpos(lower(s.reason), lower($12)) > 0)
order by s.id desc limit $7

-- name: all
-- Any saga.
select * from saga a
where ($1::uuid is null or a.id < $1)
  and ($4::float8 is null or a.id >= first_id_at(to_timestamp($4 - $6::float8)))
  and ($5::float8 is null or a.id < first_id_at(to_timestamp($5 + $6)))
  and ($3::uuid[] is null or a.id = any ($3))
order by a.id desc limit $2

-- name: live
-- Sagas that have not ended, in the order in which they are due.
select * from (select * from saga l where l.wake_at is not null order by l.wake_at limit $2) as l
where ($1::uuid is null or l.id < $1) and $6::float8 is not null

-- name: parked
-- Sagas with a command that waits for an operator or for the end of a pause.
select p.* from saga p join (
    select distinct c.saga from command c
    where c.owner is null and c.due_at = 'infinity' and c.service in (select distinct unnest(d.services) from definition d)
    limit $2
) as c on c.saga = p.id
where ($1::uuid is null or p.id < $1) and $6::float8 is not null

-- name: delayed
-- Sagas with a command that has failed and waits for its next attempt.
select p.* from saga p join (
    select distinct c.saga from command c
    where c.owner is null and c.due_at > statement_timestamp() and c.due_at < 'infinity' and c.failures > 0
      and c.service in (select distinct unnest(d.services) from definition d)
    limit $2
) as c on c.saga = p.id
where ($1::uuid is null or p.id < $1) and $6::float8 is not null

-- name: count_live
-- The number of live sagas, at most $1.
select count(*) from (select from saga s where s.wake_at is not null limit $1) as s

-- name: count_parked
-- The number of commands to read for the parked sagas, at most $1.
select count(*) from (
    select from command c
    where c.owner is null and c.due_at = 'infinity' and c.service in (select distinct unnest(d.services) from definition d)
    limit $1
) as c

-- name: count_delayed
-- The number of commands to read for the delayed sagas, at most $1: the index does not know which of them have failed.
select count(*) from (
    select from (select distinct unnest(d.services) as service from definition d) as v
    cross join lateral (  -- in the order of the index, which is then read no further than it has to be
        select from command q
        where q.service = v.service and q.owner is null and q.due_at > statement_timestamp() and q.due_at < 'infinity'
        order by q.due_at limit $1
    ) as q
    limit $1
) as c

-- name: end_of_window
-- The last id of a window of $2 sagas; none if fewer are left.
select s.id from (
    -- include: source
) as s order by s.id desc offset $2 - 1 limit 1

-- name: keyed
-- The sagas with one of these start keys, of these definitions or of all.
select k.saga from start_key k
where k.key = any ($1::text[]) and k.definition_name in (
    select distinct split_part(d.name, '~', 1) from definition d where $2::text[] is null or split_part(d.name, '~', 1) = any ($2))

-- name: commands
-- The command rows of these sagas.
select c.saga, c.step, c.op, c.deliveries, c.failures, c.error, c.claim is not null as was_claimed,
       coalesce(p.name, 'process ' || c.owner) as owner,
       extract(epoch from nullif(c.due_at, 'infinity'))::float8 as due_at,
       extract(epoch from c.lease_until)::float8 as lease_until, extract(epoch from c.quiet_at)::float8 as quiet_at,
       extract(epoch from c.first_failed_at)::float8 as first_failed_at, extract(epoch from c.until)::float8 as until, c.awaits
from command c left join participant p on p.id = c.owner where c.saga = any ($1::uuid[])
