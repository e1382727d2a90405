-- Views for people: the tables in words. A filter on one saga's id reaches the primary keys (nothing here groups over all sagas), and a
-- column that is not selected costs nothing. Sagas that have not ended are found through wake_at, the only other index that saga has.

create function phase_word(p_phase "char") returns text language sql immutable parallel safe as $$
    select case p_phase when 'R' then 'running' when 'C' then 'compensating' when 'A' then 'abandoning'
                        when 'D' then 'completed' when 'Z' then 'compensated' when 'X' then 'abandoned' end
$$;
comment on function phase_word is 'The word for a phase letter';

create function letter_word(p_letter text) returns text language sql immutable parallel safe as $$
    select case p_letter
        when 'P' then 'pending' when 'D' then 'dispatched' when 'W' then 'voiding' when 'U' then 'resolving' when 'K' then 'compensating'
        when 'd' then 'quarantined (dispatched)' when 'w' then 'quarantined (voiding)' when 'u' then 'quarantined (resolving)'
        when 'k' then 'quarantined (compensating)' when 'S' then 'succeeded' when 'N' then 'skipped' when 'R' then 'rejected'
        when 'V' then 'void' when 'Z' then 'compensated' when 'G' then 'frozen' when '?' then 'effect unknown' end
$$;
comment on function letter_word is 'The word for one letter of saga.vector';

create function mode_word(p_mode "char") returns text language sql immutable parallel safe as $$
    select case p_mode when 'T' then 'transactional' when 'J' then 'journaled' when 'X' then 'external' end
$$;
comment on function mode_word is 'The word for the mode of a step';

-- Payloads are JSON, unless a codec has encrypted them.
create function readable(p_payload bytea) returns text language plpgsql immutable strict as $$
begin
    return convert_from(p_payload, 'UTF8');
exception when character_not_in_repertoire or untranslatable_character then
    return 'base64:' || encode(p_payload, 'base64');
end $$;
comment on function readable is 'A payload as text';

-- A process that is suspended keeps its lock, and nobody is left to notice the death of the last one: its last sign of life decides.
create view alive as
select p.id, p.name, p.services, p.capacity, p.in_flight, p.started_at, p.seen_at
from participant p where p.seen_at > statement_timestamp() - interval '10 seconds';
comment on view alive is 'The processes that gave a sign of life within ten seconds';

create view overview as
select s.id,
       split_part(d.name, '~', 1) as definition,  -- a version that was overwritten is kept as name~id
       d.version,
       phase_word(s.phase)
           || case when s.rollback_requested then ', rollback requested' else '' end
           || case when s.paused and s.ended_at is null then ', paused' else '' end
           || case when s.vector ~ '[dwuk]' and s.ended_at is null then ', stuck' else '' end as state,
       (select coalesce(array_agg(t.name order by t.step), '{}') from definition_step t
        where t.definition = s.definition and substr(s.vector, t.step + 1, 1) ~ '[DWUKdwukG]') as at_steps,
       coalesce(s.ended_at,
                (select max(e.at) from event e where e.saga = s.id and e.at >= s.started_at and e.version is not null),
                s.started_at) as since,
       s.deadline,
       s.reason,
       (select k.key from start_key k where k.saga = s.id limit 1) as key,
       s.vector ~ '[dwuk]' and s.ended_at is null as is_stuck,
       s.started_at,
       s.ended_at,
       s.tags
from saga s left join definition d on d.id = s.definition;
comment on view overview is 'One row per saga, in words. Newest first: order by id desc, since ids carry the time of the start.';
comment on column overview.at_steps is 'The steps that something is happening to, or should be';
comment on column overview.since is 'When it last changed';
comment on column overview.is_stuck is 'A step was set aside and waits for a person: see the view stuck';

create view steps as
select s.id as saga,
       d.step as position,
       d.name,
       d.service,
       mode_word(d.mode) as mode,
       letter_word(substr(s.vector, d.step + 1, 1)) as state,
       case when c.saga is null then null
            when c.owner is not null then 'running'
            when c.due_at = 'infinity' then 'set aside'
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
comment on column steps.command is 'What is happening to its command: running, queued, waiting for its next attempt, set aside; null: there is none';
comment on column steps.attempts is 'How often it was handed to a process, for what it is doing now';
comment on column steps.process is 'Who runs it, or who finished it';
comment on column steps.error is 'Why the last attempt failed';

create view stuck as
select s.id as saga, split_part(d.name, '~', 1) as definition, d.version, t.name as step, t.service,
       letter_word(substr(s.vector, t.step + 1, 1)) as state,
       coalesce(e.at, s.started_at) as since,
       e.detail as why
from saga s
join definition d on d.id = s.definition
join definition_step t on t.definition = s.definition and substr(s.vector, t.step + 1, 1) ~ '[dwuk]'
left join lateral (
    select e.at, e.detail from event e
    where e.saga = s.id and e.at >= s.started_at and e.step = t.step and e.kind = 'quarantined' order by e.at desc limit 1
) as e on true
where s.wake_at is not null;
comment on view stuck is 'What needs a person: a step that was set aside, since when, and why. Then: saga retry, saga resolve';

create view waiting as
select s.id as saga, d.name as step,
       case when substr(s.vector, d.step + 1, 1) ~ '[dwuk]' then 'a person: the step was set aside'
            when s.paused then 'a person: the saga is paused'
            when s.phase = 'C' and substr(s.vector, d.step + 1, 1) = 'D' then 'the steps after it, which are undone first'
            when c.owner is not null then coalesce(p.name, 'process ' || c.owner) || ', which runs it'
            when s.phase = 'A' and d.mode = 'X' then 'the time when no call of it can arrive any more'
            when c.due_at > statement_timestamp() then 'its next attempt'
            when able.processes = '{}' then 'a process of ' || d.service || ': none is alive'
            when c.saga is null then 'its command, which is sent again'
            else 'a process of ' || d.service || ' to take it' end as waits_for,
       case when substr(s.vector, d.step + 1, 1) ~ '[dwuk]'
            then (select max(e.at) from event e
                  where e.saga = s.id and e.at >= s.started_at and e.step = d.step and e.kind = 'quarantined')
            when c.owner is null and c.due_at <= statement_timestamp() then c.due_at
            else coalesce(c.first_failed_at, (
                select max(e.at) from event e where e.saga = s.id and e.at >= s.started_at and e.version is not null), s.started_at)
            end as since,
       case when substr(s.vector, d.step + 1, 1) ~ '[dwuk]' or s.paused then null
            when c.owner is not null then c.lease_until
            when s.phase = 'A' and d.mode = 'X' then c.quiet_at
            when c.due_at > statement_timestamp() then c.due_at
            when c.saga is null then s.wake_at
            else s.deadline end as until,
       d.service, able.processes
from saga s
join definition_step d on d.definition = s.definition and substr(s.vector, d.step + 1, 1) ~ '[DWUKdwukG]'
left join command c on c.saga = s.id and c.step = d.step
left join participant p on p.id = c.owner
cross join lateral (
    select coalesce(array_agg(a.name order by a.name), '{}') as processes from alive a where d.service = any (a.services)
) as able
where s.wake_at is not null
union all
select s.id, null, 'a person: the saga is paused',
       (select max(e.at) from event e where e.saga = s.id and e.at >= s.started_at and e.kind = 'paused'), null, null, '{}'
from saga s where s.wake_at is not null and s.paused and s.vector !~ '[DWUKdwukG]';
comment on view waiting is 'What every saga that has not ended waits for, step by step';
comment on column waiting.until is 'When something happens by itself at the latest; null: never without a person';
comment on column waiting.processes is 'The live processes of the service: who could act';

-- For people who look for a saga's key, and for retention. Saga ids grow with time, so that every insert goes to the index's end.
create index start_key_saga on start_key (saga);
