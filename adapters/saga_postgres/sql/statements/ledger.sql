-- Statements of reading/ledger.py.

-- name: snapshot
-- A saga with its results, and the steps that have a command row, a claim, or a quiet time that has not passed.
select s.id, s.version, s.definition, s.phase, s.vector, s.rollback_requested, s.paused, s.reason, s.waiter, s.trace, s.input,
       extract(epoch from s.deadline)::float8 as deadline, extract(epoch from s.started_at)::float8 as started_at,
       extract(epoch from s.ended_at)::float8 as ended_at, extract(epoch from clock_timestamp())::float8 as now,
       split_part(d.name, '~', 1) as definition_name, d.version as definition_version,
       c.held, c.claimed, c.unquiet, r.steps, r.results
from saga s
join definition d on d.id = s.definition
cross join lateral (
    select coalesce(array_agg(c.step), '{}') as held,
           coalesce(array_agg(c.step) filter (where c.owner is not null), '{}') as claimed,
           coalesce(array_agg(c.step) filter (where c.quiet_at > statement_timestamp()), '{}') as unquiet
    from command c where c.saga = s.id
) as c
cross join lateral (
    select coalesce(array_agg(r.step), '{}') as steps, coalesce(array_agg(r.result), '{}') as results
    from step r where r.saga = s.id and r.result is not null
) as r
where s.id = $1

-- name: lines
-- A page of sagas. $3: only stuck ones; $5: only sagas that have not ended can match, so that the planner takes the small index on wake_at.
with picked as materialized (
    select s.id, s.phase, s.rollback_requested, s.paused
    from saga s left join definition d on d.id = s.definition
    where ($1::"char"[] is null or s.phase = any ($1))
      and ($2::text is null or split_part(d.name, '~', 1) = $2)
      and (not $3::boolean or has_quarantined(s.vector))
      and ($4::float8 is null or s.id >= first_id_at(to_timestamp($4)))
      and (not $5::boolean or s.wake_at is not null)
      and ($7::uuid is null or s.id < $7)
      and ($8::text is null or s.tags @> $8::jsonb)
      and ($9::uuid[] is null or s.id = any ($9))
    order by s.id desc limit $6
)
select o.id, o.definition, o.version, p.phase, p.rollback_requested, p.paused, o.is_stuck, o.at_steps,
       o.reason, o.key,
       extract(epoch from o.since)::float8 as since, extract(epoch from o.deadline)::float8 as deadline,
       extract(epoch from o.started_at)::float8 as started_at, extract(epoch from o.ended_at)::float8 as ended_at
from picked p join overview o on o.id = p.id
order by o.id desc

-- name: counts
-- Sagas by phase.
select phase, count(*) as sagas, count(*) filter (where ended_at is null and has_quarantined(vector)) as stuck
from saga group by phase

-- name: definitions
-- All versions of all definitions, and how many sagas of each have not ended.
select d.id, d.name, d.version, d.hash, d.services, (select count(*) from definition_step t where t.definition = d.id) as steps,
       d.activated_at is not null and d.id = first_value(d.id) over (
           partition by d.name order by d.activated_at desc nulls last, d.version desc) as is_default,
       coalesce(live.sagas, 0) as live
from definition d
left join (select s.definition, count(*) as sagas from saga s where s.wake_at is not null group by s.definition) as live
    on live.definition = d.id
where d.name !~ '~'
order by d.name, d.version desc
