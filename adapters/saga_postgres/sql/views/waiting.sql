-- The same as `saga why`, for all sagas at once.

create or replace view waiting as
select s.id as saga, d.name as step,
       case when has_quarantined(substr(s.vector, d.step + 1, 1)) then 'an operator: the step is quarantined'
            when s.paused then 'an operator: the saga is paused'
            when s.phase = 'C' and substr(s.vector, d.step + 1, 1) = 'D' then 'the steps after it, which are compensated first'
            when c.owner is not null then coalesce(p.name, 'process ' || c.owner) || ', which runs it'
            when s.phase = 'A' and d.mode = 'X' then 'its quiet time: a call of it may still arrive'
            when c.due_at > statement_timestamp() then coalesce(awaited_word(c.awaits, c.until), 'its next attempt')
            when able.processes = '{}' then 'a process of ' || d.service || ': none is alive'
            when c.saga is null then 'its command, which will be redriven'
            else 'a process of ' || d.service || ' to claim it' end as waits_for,
       case when has_quarantined(substr(s.vector, d.step + 1, 1))
            then (select max(e.at) from event e
                  where e.saga = s.id and e.at >= s.started_at and e.step = d.step and e.kind = 'quarantined')
            when c.owner is null and c.due_at <= statement_timestamp() then c.due_at
            else coalesce(c.first_failed_at, (
                select max(e.at) from event e where e.saga = s.id and e.at >= s.started_at and e.version is not null), s.started_at)
            end as since,
       case when has_quarantined(substr(s.vector, d.step + 1, 1)) or s.paused then null
            when c.owner is not null then c.lease_until
            when s.phase = 'A' and d.mode = 'X' then c.quiet_at
            when c.due_at > statement_timestamp() and awaited_word(c.awaits, c.until) is not null then c.until
            when c.due_at > statement_timestamp() then c.due_at
            when c.saga is null then s.wake_at
            else s.deadline end as until,
       d.service, able.processes
from saga s
join definition_step d on d.definition = s.definition and is_under_way(substr(s.vector, d.step + 1, 1))
left join command c on c.saga = s.id and c.step = d.step
left join participant p on p.id = c.owner
cross join lateral (
    select coalesce(array_agg(a.name order by a.name), '{}') as processes from alive a where d.service = any (a.services)
) as able
where s.wake_at is not null
union all
select s.id, null, 'an operator: the saga is paused',
       (select max(e.at) from event e where e.saga = s.id and e.at >= s.started_at and e.kind = 'paused'), null, null, '{}'
from saga s where s.wake_at is not null and s.paused and not is_under_way(s.vector)
union all
select s.id, null, 'a process to decide what comes next', s.started_at, s.wake_at, null, '{}'
from saga s where s.wake_at is not null and not s.paused and s.phase = 'R' and not is_under_way(s.vector);
comment on view waiting is 'What each saga that has not ended waits for, step by step';
comment on column waiting.until is 'When something happens without an operator, at the latest; null: never';
comment on column waiting.processes is 'The live processes of the service, each of which could act';
