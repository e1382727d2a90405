-- Which processes are alive, and what a dead process leaves behind.

create or replace function claims_of(p_owner integer, out saga uuid[], out step smallint[]) language sql volatile
set search_path from current set enable_seqscan = off as $$
    with held as (
        select c.saga, c.step from command c where c.owner = p_owner order by c.saga, c.step for no key update skip locked
    )
    select array_agg(held.saga), array_agg(held.step) from held
$$;
comment on function claims_of is 'Locks the claims of a process that are not locked, and returns them';

create or replace function process_heartbeat(
    p_id integer, p_lock integer, p_margin float8, p_in_flight integer, p_channel text, p_full boolean, p_claim_seconds float8, p_busy float8
)
returns table (
    id integer, name text, services text[], capacity integer, in_flight integer, seen_ago float8, has_due boolean,
    now float8, leader_seen_ago float8, released integer, socket_path text, claim_seconds float8, busy float8
)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off as $$
-- The process reports that it is alive, removes dead peers, gives back the claims of dead and removed processes, and reads who is alive and
-- whether the queues of its services hold anything that is due.
-- p_lock: class of the advisory locks that live processes hold; p_channel: prefix of the channels of the namespace; p_full: also give back
-- expired claims, if no process has scanned for them within the last second: that scan covers everything up to then.
-- p_claim_seconds, p_busy: what claims cost this process, null if it does not know yet.
declare
    v_scans boolean := p_full and not exists (
        select from participant p  -- a scan far in the future was made before the clock was set back
        where p.scanned_at between clock_timestamp() - interval '0.8 seconds' and clock_timestamp() + interval '10 seconds'
    );
    v_dead integer[];
    v_saga uuid[]; v_step smallint[];
    v_released integer := 0;
    v_services text[];
begin
    perform set_config('synchronous_commit', 'off', true);
    update participant p
    set seen_at = clock_timestamp(), in_flight = p_in_flight, claim_seconds = p_claim_seconds, busy = p_busy,
        scanned_at = case when v_scans then clock_timestamp() else p.scanned_at end
    where p.id = p_id returning p.services into v_services;
    select array_agg(p.id) into v_dead from participant p where p.id <> p_id and pg_try_advisory_xact_lock(p_lock, p.id);
    if v_dead is not null then
        delete from participant p where p.id = any (v_dead);
        perform pg_notify(p_channel || 'peers', '');
    end if;
    if v_scans then
        perform wake_overlooked(p_channel);
    end if;
    if v_dead is not null or v_scans then
        with lost as (
            select c.saga, c.step from command c  -- owner > 0: through its own small index, which has no queued commands
            where c.owner > 0 and (c.lease_until < clock_timestamp() or not exists (select from participant p where p.id = c.owner))
            for no key update skip locked
        )
        select array_agg(lost.saga), array_agg(lost.step) into v_saga, v_step from lost;
        if v_saga is not null then
            v_released := give_back(v_saga, v_step, p_margin);
            perform pg_notify(left(p_channel || 's_' || c.service, 63), '')  -- as in announce/channels.py
            from (
                select distinct c.service from command c
                join unnest(v_saga, v_step) as given(saga, step) on c.saga = given.saga and c.step = given.step
            ) as c;
        end if;
    end if;
    return query
    select p.id, p.name, p.services, p.capacity, p.in_flight, extract(epoch from clock_timestamp() - p.seen_at)::float8,
           p.id = p_id and exists (
               select from unnest(v_services) as wanted(service)
               where exists (
                   select from command c where c.service = wanted.service and c.owner is null and c.due_at <= statement_timestamp()
               )
           ),
           extract(epoch from clock_timestamp())::float8,
           (select extract(epoch from clock_timestamp() - l.seen_at)::float8 from leader l where l.name = 'supervisor'),
           v_released, p.socket_path, p.claim_seconds, p.busy
    from participant p order by p.id;
end $$;
comment on function process_heartbeat is 'One heartbeat of a process; returns the processes that are alive';

create or replace function heartbeat(p_id integer, p_lock integer, p_margin float8, p_in_flight integer, p_channel text, p_full boolean)
returns table (
    id integer, name text, services text[], capacity integer, in_flight integer, seen_ago float8, has_due boolean,
    now float8, leader_seen_ago float8, released integer, socket_path text
)
language sql set search_path from current as $$
    select h.id, h.name, h.services, h.capacity, h.in_flight, h.seen_ago, h.has_due, h.now, h.leader_seen_ago, h.released, h.socket_path
    from process_heartbeat(p_id, p_lock, p_margin, p_in_flight, p_channel, p_full, null, null) as h
$$;
comment on function heartbeat is 'The heartbeat of a process of an older build, which does not report what claims cost it';

create or replace function leave(p_owner integer, p_margin float8, p_channel text) returns void
language plpgsql set search_path from current set enable_seqscan = off as $$
-- Their deliveries stay counted: the process may be leaving because of one of them. It has taken back those that it had not begun.
declare
    v_saga uuid[]; v_step smallint[];
begin
    delete from participant p where p.id = p_owner;
    select c.saga, c.step into v_saga, v_step from claims_of(p_owner) as c;
    if v_saga is not null then
        perform give_back(v_saga, v_step, p_margin);
        perform pg_notify(left(p_channel || 's_' || c.service, 63), '')  -- as in announce/channels.py
        from (
            select distinct c.service from command c
            join unnest(v_saga, v_step) as given(saga, step) on c.saga = given.saga and c.step = given.step
        ) as c;
    end if;
    perform pg_notify(p_channel || 'peers', '');
end $$;
comment on function leave is 'Removes a process that shuts down in good order, and gives back its claims';
