-- Statements of membership.py.

-- name: join
-- Adds a process.
insert into participant (id, name, services, capacity, release, socket_path) values ($1, $2, $3, $4, $5, $6)

-- name: lock_number
-- Locks the number $2, unless a process has it, or had it and is still in the list: the numbers have begun again.
select case when not exists (select from participant where id = $2) then pg_try_advisory_lock($1, $2) else false end

-- name: announce
-- Sets the services of a process, and its capacity.
update participant set capacity = $3, services = $2::text[] where id = $1

-- name: lead
-- Records that the supervisor of term $1 was seen working, unless a later term was seen within $3 seconds; returns how long no supervisor
-- had been seen. If that is more than $4 seconds, seen_at stays. Not durable: it need not outlive a crash, nor wait for a standby.
with before as (
    select extract(epoch from clock_timestamp() - seen_at)::float8 as silent from leader where name = 'supervisor'
), seen as (
    insert into leader as l (name, term, holder, seen_at)
    select 'supervisor', $1, $2, clock_timestamp() where set_config('synchronous_commit', 'off', true) is not null
    on conflict (name) do update
    set term = excluded.term, holder = excluded.holder,
        seen_at = case when extract(epoch from clock_timestamp() - l.seen_at) <= $4::float8 then excluded.seen_at else l.seen_at end
    where l.term <= excluded.term or l.seen_at < clock_timestamp() - make_interval(secs => $3)
    returning term
)
select coalesce((select silent from before), 0), (select term from seen)
