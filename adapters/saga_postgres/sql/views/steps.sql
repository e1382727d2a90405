-- The steps of a saga. Start here when a saga does not move.

create or replace view steps as
select s.id as saga,
       d.step as position,
       d.name,
       d.service,
       mode_word(d.mode) as mode,
       letter_word(l.letter) as state,
       case when c.saga is null then null
            when c.owner is not null then 'running'
            when c.due_at = 'infinity' then 'parked'
            when c.due_at > statement_timestamp()
            then 'waiting for ' || coalesce(awaited_word(c.awaits, c.until), 'its next attempt')
            else 'queued' end as command,
       coalesce(c.deliveries, t.attempts, 0) as attempts,
       coalesce(c.failures, 0) as failures,
       coalesce(p.name, 'process ' || coalesce(c.owner, t.owner)) as process,
       c.lease_until,
       nullif(c.due_at, 'infinity') as due_at,
       c.error,
       t.finished_at,
       readable(t.result) as result,
       case when l.letter = 'H' then readable(t.result)::jsonb ->> 'reason'
            when l.letter = 'N' or l.letter = 'R' or has_quarantined(l.letter) then (
                select case e.kind when 'skipped: its condition is false' then 'its condition is false: ' || (
                            select convert_from(f.document, 'UTF8')::jsonb -> 'steps' -> d.step ->> 'condition'
                            from definition f where f.id = s.definition)
                        when 'skipped by an operator' then 'an operator goes on without it'
                        else e.detail end
                from event e
                where e.saga = s.id and e.at >= s.started_at and e.step = d.step
                  and e.kind in ('rejected', 'quarantined', 'skipped: its condition is false', 'skipped by an operator')
                order by e.at desc, e.n desc limit 1) end as reason,
       c.until
from saga s
join definition_step d on d.definition = s.definition
cross join lateral (select substr(s.vector, d.step + 1, 1) as letter) as l
left join command c on c.saga = s.id and c.step = d.step
left join step t on t.saga = s.id and t.step = d.step
left join participant p on p.id = coalesce(c.owner, t.owner);
comment on view steps is 'One row per step of each saga, in words';
comment on column steps.command is
    'The state of its command: running, queued, waiting for its next attempt, for an event or for its time, parked; null: there is none';
comment on column steps.until is 'The moment for which it waits: of a timer, or the end of its wait for an event; null: there is none';
comment on column steps.due_at is 'When a process looks at it next';
comment on column steps.attempts is 'How often its current command was handed to a process';
comment on column steps.process is 'The process that runs it, or that finished it';
comment on column steps.service is 'The service that runs it; empty for a check, which is part of the decision (mode engine)';
comment on column steps.reason is 'Why it was rejected, skipped or quarantined; null: none of these, or the line of history was dropped';
comment on column steps.error is 'Why the last attempt failed';
