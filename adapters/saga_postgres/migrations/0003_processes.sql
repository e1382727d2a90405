-- Who is alive, what a dead process leaves behind, and who looks after what did not happen.

-- Claims that end without a report: a call of theirs may be on its way until lease + timeout + margin is over (G24, G25).
create function give_back(p_saga uuid[], p_step smallint[], p_margin float8) returns integer
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    given integer;
begin
    update command c
    set owner = null, due_at = now(), lease_until = null,
        quiet_at = case when d.mode = 'X'
                   then greatest(c.quiet_at, c.lease_until + make_interval(secs => d.call_ms / 1000.0 + p_margin)) else c.quiet_at end
    from unnest(p_saga, p_step) as mine(saga, step), saga s, definition_step d
    where c.saga = mine.saga and c.step = mine.step and s.id = c.saga and d.definition = s.definition and d.step = c.step;
    get diagnostics given = row_count;
    return given;
end $$;
comment on function give_back is 'Ends claims without a report, so that others can take them';

create function claims_of(p_owner integer, out saga uuid[], out step smallint[]) language sql volatile
set search_path from current set enable_seqscan = off as $$
    with mine as (select c.saga, c.step from command c where c.owner = p_owner order by c.saga, c.step for no key update skip locked)
    select array_agg(mine.saga), array_agg(mine.step) from mine
$$;

-- A process says that it is alive, learns who else is, ends the claims of the dead and of those that no longer exist, and is told whether
-- anything waits in the queues of its services. p_full: also look for claims whose lease is over, if nobody has for a second: it is a look at
-- all that were made since the last one, and one process need not do again what another has done just now.
create function beat(p_id integer, p_lock integer, p_margin float8, p_in_flight integer, p_channel text, p_full boolean)
returns table (id integer, name text, services text[], capacity integer, in_flight integer, seen_ago float8, has_due boolean,
               now float8, leader_seen_ago float8, released integer, door text)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off as $$
declare
    v_looks boolean := p_full and not exists (
        select from participant p  -- a look in the far future was before the clock was set back
        where p.looked_at between clock_timestamp() - interval '0.8 seconds' and clock_timestamp() + interval '10 seconds'
    );
    v_dead integer[];
    v_saga uuid[]; v_step smallint[];
    v_released integer := 0;
    v_services text[];
begin
    perform set_config('synchronous_commit', 'off', true);
    update participant p
    set seen_at = clock_timestamp(), in_flight = p_in_flight, looked_at = case when v_looks then clock_timestamp() else p.looked_at end
    where p.id = p_id returning p.services into v_services;
    select array_agg(p.id) into v_dead from participant p where p.id <> p_id and pg_try_advisory_xact_lock(p_lock, p.id);
    if v_dead is not null then
        delete from participant p where p.id = any (v_dead);
        perform pg_notify(p_channel || 'peers', '');
    end if;
    if v_dead is not null or v_looks then
        with gone as (
            select c.saga, c.step from command c  -- owner > 0: by its own small index, which has none of the queues
            where c.owner > 0 and (c.lease_until < clock_timestamp() or not exists (select from participant p where p.id = c.owner))
            for no key update skip locked
        )
        select array_agg(gone.saga), array_agg(gone.step) into v_saga, v_step from gone;
        if v_saga is not null then
            v_released := give_back(v_saga, v_step, p_margin);
            perform pg_notify(p_channel || 's_' || c.service, '')
            from (select distinct c.service from command c join unnest(v_saga, v_step) as g(saga, step) on c.saga = g.saga and c.step = g.step) c;
        end if;
    end if;
    return query
    select p.id, p.name, p.services, p.capacity, p.in_flight, extract(epoch from clock_timestamp() - p.seen_at)::float8,
           p.id = p_id and exists (
               select from unnest(v_services) as wanted(service)
               where exists (select from command c where c.service = wanted.service and c.owner is null and c.due_at <= statement_timestamp())
           ),
           extract(epoch from clock_timestamp())::float8,
           (select extract(epoch from clock_timestamp() - l.seen_at)::float8 from leader l where l.name = 'supervisor'), v_released, p.door
    from participant p order by p.id;
end $$;
comment on function beat is 'One heartbeat of a process';

-- Sagas that somebody must look after now, with the steps that are held by a live claim or a queued command.
create function overdue(p_limit integer, p_services text[]) returns table (
    saga uuid, version integer, definition integer, phase "char", vector text, rollback_requested boolean, paused boolean,
    deadline float8, reason text, waiter integer, held smallint[], claimed smallint[], unquiet smallint[], now float8, trace text
)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    return query
    select s.id, s.version, s.definition, s.phase, s.vector, s.rollback_requested, s.paused, extract(epoch from s.deadline)::float8, s.reason,
           s.waiter, coalesce(c.held, '{}'), coalesce(c.claimed, '{}'), coalesce(c.unquiet, '{}'), extract(epoch from clock_timestamp())::float8,
           s.trace
    from saga s
    left join lateral (
        select array_agg(c.step) as held, array_agg(c.step) filter (where c.owner is not null) as claimed,
               array_agg(c.step) filter (where c.quiet_at > now()) as unquiet
        from command c where c.saga = s.id
    ) as c on true
    where s.wake_at <= statement_timestamp()
      and (p_services is null or exists (select from definition d where d.id = s.definition and d.services && p_services))
    order by s.wake_at limit p_limit;
end $$;
comment on function overdue is 'Sagas whose wake_at has passed';

-- History partitions: today's and those of the days ahead.
create function ensure_event_days(p_days integer) returns integer language plpgsql set search_path from current set plan_cache_mode = force_generic_plan as $$
declare
    v_day date;
    v_made integer := 0;
begin
    for v_day in select generate_series(current_date, current_date + p_days, interval '1 day')::date loop
        if to_regclass(format('%I.%I', current_schema(), 'event_' || to_char(v_day, 'YYYYMMDD'))) is null
           and not exists (select from event_default e where e.at >= v_day and e.at < v_day + 1) then
            execute format('create table %I partition of event for values from (%L) to (%L)', 'event_' || to_char(v_day, 'YYYYMMDD'), v_day, v_day + 1);
            v_made := v_made + 1;
        end if;
    end loop;
    return v_made;
end $$;
comment on function ensure_event_days is 'Creates the history partitions for today and the days ahead';

-- The claims that a process holds: all of them, or those asked for.
create function fetch_claims(p_owner integer, p_margin float8, p_saga uuid[], p_step smallint[]) returns setof work
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    v_saga uuid[]; v_step smallint[]; v_claim bigint[];
begin
    if cardinality(p_saga) > 0 then
        select array_agg(c.saga), array_agg(c.step), array_agg(c.claim) into v_saga, v_step, v_claim
        from unnest(p_saga, p_step) as asked(saga, step)
        join command c on c.saga = asked.saga and c.step = asked.step where c.owner = p_owner;
    else
        select array_agg(c.saga), array_agg(c.step), array_agg(c.claim) into v_saga, v_step, v_claim from command c where c.owner = p_owner;
    end if;
    if v_saga is not null then
        return query select * from work_of(v_saga, v_step, v_claim, p_margin);
    end if;
end $$;
comment on function fetch_claims is 'Reads the claims of a process';

-- Of many claims those that somebody has locked are left out, and asked for again one at a time: who holds some rows and waits for another,
-- while a commit does the same the other way round, waits for ever.
create function extend_claims(
    p_owner integer, p_lease float8, p_saga uuid[], p_step smallint[], p_claim bigint[], p_progress bytea, p_trial boolean
) returns setof bigint
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    if cardinality(p_saga) > 1 then
        select array_agg(free.saga), array_agg(free.step), array_agg(free.claim) into p_saga, p_step, p_claim from (
            select c.saga, c.step, c.claim from unnest(p_saga, p_step, p_claim) as mine(saga, step, claim)
            join command c on c.saga = mine.saga and c.step = mine.step and c.claim = mine.claim
            where c.owner = p_owner for no key update of c skip locked
        ) as free;
    end if;
    return query
    update command c set lease_until = clock_timestamp() + make_interval(secs => p_lease), progress = coalesce(p_progress, c.progress),
        trials = c.trials + p_trial::integer
    from unnest(p_saga, p_step, p_claim) as mine(saga, step, claim), saga s, definition_step d
    where c.saga = mine.saga and c.step = mine.step and c.claim = mine.claim and c.owner = p_owner
      and s.id = c.saga and d.definition = s.definition and d.step = c.step
      and called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) = c.op
    returning c.claim;
end $$;
comment on function extend_claims is 'Prolongs leases that are still held and called for, and notes how far a step is, or that its trial begins';

create function leave(p_owner integer, p_margin float8, p_channel text) returns void
language plpgsql set search_path from current set enable_seqscan = off as $$
declare
    v_saga uuid[]; v_step smallint[];
begin
    delete from participant p where p.id = p_owner;
    select c.saga, c.step into v_saga, v_step from claims_of(p_owner) as c;
    if v_saga is not null then
        perform give_back(v_saga, v_step, p_margin);
        update command c set deliveries = c.deliveries - 1, trials = greatest(c.trials - 1, 0) from unnest(v_saga, v_step) as mine(saga, step)
        where c.saga = mine.saga and c.step = mine.step and c.deliveries > 0;
        perform pg_notify(p_channel || 's_' || c.service, '')
        from (select distinct c.service from command c join unnest(v_saga, v_step) as g(saga, step) on c.saga = g.saga and c.step = g.step) c;
    end if;
    perform pg_notify(p_channel || 'peers', '');
end $$;
comment on function leave is 'A process goes in good order';
