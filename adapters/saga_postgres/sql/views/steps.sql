-- The steps of a saga. Start here when a saga does not move.

create or replace view steps as
select s.id as saga,
       d.step as position,
       d.name,
       d.service,
       mode_word(d.mode) as mode,
       letter_word(substr(s.vector, d.step + 1, 1)) as state,
       case when c.saga is null then null
            when c.owner is not null then 'running'
            when c.due_at = 'infinity' then 'parked'
            when c.due_at > statement_timestamp() then 'waiting for its next attempt'
            else 'queued' end as command,
       coalesce(c.deliveries, t.attempts, 0) as attempts,
       coalesce(c.failures, 0) as failures,
       coalesce(p.name, 'process ' || coalesce(c.owner, t.owner)) as process,
       c.lease_until,
       nullif(c.due_at, 'infinity') as due_at,
       c.error,
       t.finished_at,
       readable(t.result) as result
from saga s
join definition_step d on d.definition = s.definition
left join command c on c.saga = s.id and c.step = d.step
left join step t on t.saga = s.id and t.step = d.step
left join participant p on p.id = coalesce(c.owner, t.owner);
comment on view steps is 'One row per step of each saga, in words';
comment on column steps.command is 'The state of its command: running, queued, waiting for its next attempt, parked; null: there is none';
comment on column steps.attempts is 'How often its current command was handed to a process';
comment on column steps.process is 'The process that runs it, or that finished it';
comment on column steps.error is 'Why the last attempt failed';
