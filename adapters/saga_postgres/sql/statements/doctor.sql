-- Statements of doctor.py.

-- name: settings
-- The version of the server and the settings on which durability depends.
select current_setting('server_version') as version, current_setting('server_version_num')::integer / 10000 as major,
       current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous_commit,
       current_setting('full_page_writes') as full_page_writes, pg_is_in_recovery() as is_standby

-- name: dead_rows
-- Tables with more than $2 dead rows, and more dead than live ones.
select relname, n_live_tup, n_dead_tup from pg_stat_user_tables
where schemaname = $1 and n_dead_tup > $2 and n_dead_tup > n_live_tup order by n_dead_tup desc

-- name: oldest_transaction
-- The oldest transaction of more than $1 seconds: vacuum cannot remove what died after it began.
select who, age from (
    select format('process %s (%s, %s)', pid, coalesce(nullif(application_name, ''), 'no name'), state) as who,
           extract(epoch from clock_timestamp() - xact_start)::float8 as age
    from pg_stat_activity
    where xact_start is not null and backend_type = 'client backend' and pid <> pg_backend_pid()
    union all
    select 'prepared transaction ' || gid, extract(epoch from clock_timestamp() - prepared)::float8
    from pg_prepared_xacts
) as held where age > $1 order by age desc limit 1

-- name: standbys
-- How many standbys there are, and whether commits wait for one of them.
select count(*) as standbys, count(*) filter (where sync_state in ('sync', 'quorum')) as synchronous,
       current_setting('synchronous_commit') in ('on', 'remote_apply') as waits from pg_stat_replication

-- name: unserved
-- Services with due commands and no live process.
select c.service, count(*) as commands, extract(epoch from clock_timestamp() - min(c.due_at))::float8 as oldest
from command c
where c.owner is null and c.due_at <= statement_timestamp()
  and not exists (select from alive a where c.service = any (a.services))
group by c.service order by c.service

-- name: leader
-- The supervisor, and when it was last seen working.
select term, holder, extract(epoch from clock_timestamp() - seen_at)::float8 as silence
from leader where name = 'supervisor'

-- name: late_waits
-- Services whose timers and timeouts are over for more than $1 seconds, and sagas that run.
select c.service, count(*) as commands, extract(epoch from clock_timestamp() - min(c.until))::float8 as oldest
from command c
join saga s on s.id = c.saga and not s.paused
where c.owner is null and c.due_at <= statement_timestamp() and c.until < statement_timestamp() - make_interval(secs => $1)
group by c.service order by c.service

-- name: unwoken_events
-- Events that were sent more than $1 seconds ago, and of which no process has woken its saga.
select count(*) as events from inbox i
where not i.is_woken and i.at < statement_timestamp() - make_interval(secs => $1)

-- name: late_schedules
-- Schedules that nobody has kept for more than $1 seconds after their moment.
select s.name from schedule s
where not s.is_paused and s.next_at < statement_timestamp() - make_interval(secs => $1) order by s.next_at limit 10

-- name: stuck
-- Stuck sagas of each definition, and since when.
select definition, count(distinct saga) as sagas, extract(epoch from clock_timestamp() - min(since))::float8 as oldest
from stuck group by definition order by sagas desc, definition

-- name: broken_definitions
-- Definitions in use with a step whose contract is missing or has another mode.
select split_part(d.name, '~', 1) || ' v' || d.version || ': ' || string_agg(distinct t.service || '.' || t.handler ||
       case when c.service is null then ' has no contract'
            else format(' is %s, and was frozen as %s', mode_word(c.mode), mode_word(t.mode)) end, ', ') as what
from definition d
join definition_step t on t.definition = d.id and t.mode <> 'E'  -- steps of Saga itself have no handler
left join contract c on c.service = t.service and c.handler = t.handler
where (c.service is null or c.mode <> t.mode)
  and (exists (select from saga s where s.definition = d.id and s.wake_at is not null)
       or d.id = (
           select o.id from definition o where o.name = d.name and o.activated_at is not null order by o.activated_at desc limit 1
       ))
group by d.id, d.name, d.version order by 1

-- name: without_handler
-- Handlers that commands wait for and that a process which claimed one did not have.
select t.service || '.' || t.handler || ' (' || count(*) || ')' as what
from command c
join saga s on s.id = c.saga
join definition_step t on t.definition = s.definition and t.step = c.step
where c.error like '% has no such handler'
group by t.service, t.handler order by 1

-- name: steps_in_use
-- The steps of the definitions in use, with the schemas of the definition's input and of what the handler takes.
select split_part(d.name, '~', 1) || ' v' || d.version as definition, t.step, d.document, d.input_schema::text as given,
       c.service || '.' || c.handler as contract, c.input_schema::text as wanted
from definition d
join definition_step t on t.definition = d.id and t.mode <> 'E'
join contract c on c.service = t.service and c.handler = t.handler
where d.input_schema is not null and c.input_schema is not null
  and (exists (select from saga s where s.definition = d.id and s.wake_at is not null)
       or d.id = (
           select o.id from definition o where o.name = d.name and o.activated_at is not null order by o.activated_at desc limit 1
       ))
order by 1, 2

-- name: orphaned_services
-- Services that have published a contract and have no live process.
select distinct c.service from contract c
where not exists (select from alive a where c.service = any (a.services)) order by 1
