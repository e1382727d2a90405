-- How processes get, read and extend claims. Lock order everywhere: saga rows first, then command rows, each sorted; a transaction that
-- locks a command row first never waits for a saga row. Locks are FOR NO KEY UPDATE and mostly SKIP LOCKED, so that nothing waits behind
-- a process that hangs.
--
-- Everything here is PL/pgSQL, which keeps its plans, while a function in SQL is planned at each call; the settings make the one generic
-- plan follow the primary keys, whatever the statistics say of a table that is empty one moment and full the next.

create or replace function refuse_claims(p_saga uuid[], p_step smallint[], p_claim bigint[], p_margin float8) returns void
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Claims that the vector does not call for are deleted, or parked where the step keeps its command; new claims of paused sagas are parked.
-- A claim that was given back after the caller had read it has no owner, and stays as it is: its row has the number, perhaps a quiet time.
-- p_margin null: the claims were made by this transaction, which holds the locks on their rows. Otherwise they may be running already:
-- their calls can still arrive, and count. A pause lets such a claim run. If it is not called for any more, its command goes back to the
-- queue, and the next poll parks it: the command may be called for again meanwhile, so it must not be parked for good.
begin
    delete from command c
    using unnest(p_saga, p_step, p_claim) as refused(saga, step, claim), saga s, definition_step d
    where c.saga = refused.saga and c.step = refused.step and c.claim = refused.claim and c.owner is not null and s.id = c.saga
      and d.definition = s.definition and d.step = c.step and not keeps_command(substr(s.vector, c.step + 1, 1), d.mode)
      and called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) is distinct from c.op;
    update command c
    set owner = null, lease_until = null, deliveries = counted(c.deliveries - (p_margin is null)::integer),
        due_at = case when p_margin is null
                       and (s.paused or called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) is distinct from c.op)
                 then 'infinity' else now() end,
        quiet_at = case when p_margin is not null and d.mode = 'X'
                   then greatest(c.quiet_at, c.lease_until + seconds(d.call_ms / 1000.0 + p_margin))
                   else c.quiet_at end
    from unnest(p_saga, p_step, p_claim) as refused(saga, step, claim), saga s, definition_step d
    where c.saga = refused.saga and c.step = refused.step and c.claim = refused.claim and c.owner is not null and s.id = c.saga
      and d.definition = s.definition and d.step = c.step
      and (p_margin is null or called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) is distinct from c.op);
end $$;
comment on function refuse_claims is 'G1: ends claims that are not called for';

create or replace function claimed_commands(p_saga uuid[], p_step smallint[], p_claim bigint[], p_margin float8)
returns setof claimed_command
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Claims that the vector does not call for are left out and refused, and so are claims that were given back after the caller had read
-- them: a row keeps the number of its last claim. Claims of paused sagas are left out. No claim is both returned and refused.
declare
    v_claimed claimed_command;
    v_found bigint[] := '{}';
begin
    for v_claimed in
        select c.saga, c.step, c.op, c.claim, s.definition, s.version,
               s.phase, s.vector, s.rollback_requested, extract(epoch from s.deadline)::float8, s.reason, s.waiter,
               s.input, found.steps, found.results,
               c.deliveries, c.failures, coalesce(extract(epoch from now() - c.first_failed_at)::float8, 0),
               extract(epoch from c.lease_until - clock_timestamp())::float8,
               coalesce(extract(epoch from c.quiet_at - clock_timestamp())::float8, -1e9),  -- G136: nothing of it has begun
               case when c.until is null and substr(c.progress, 1, 10) is distinct from '{"$until":' then c.progress
                    else parked_progress(c.until, c.progress) end,
               extract(epoch from clock_timestamp())::float8, s.trace, c.isolated_attempts
        from unnest(p_saga, p_step, p_claim) as asked(saga, step, claim)
        join command c on c.saga = asked.saga and c.step = asked.step and c.claim = asked.claim
        join saga s on s.id = c.saga
        join definition_step d on d.definition = s.definition and d.step = c.step
        left join lateral (
            select array_agg(r.step) as steps, array_agg(r.result) as results
            from step r
            where (c.op = 'C' or d.reads <> '{}')  -- most steps read no results: then the table is not visited
              and r.saga = c.saga and r.result is not null and (r.step = any (d.reads) or (c.op = 'C' and r.step = c.step))
        ) as found on true
        where c.owner is not null and not s.paused and called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) = c.op
    loop
        v_found := v_found || v_claimed.claim;
        return next v_claimed;
    end loop;
    if cardinality(v_found) < cardinality(p_claim) then
        perform refuse_claims(array_agg(asked.saga), array_agg(asked.step), array_agg(asked.claim), p_margin)
        from unnest(p_saga, p_step, p_claim) as asked(saga, step, claim) where asked.claim <> all (v_found);
    end if;
end $$;
comment on function claimed_commands is 'Claims with everything needed to run them; claims that are not called for are refused';

create or replace function poll(
    p_services text[], p_owner integer, p_limit integer, p_claim bigint, p_lease float8, p_durable boolean
) returns setof claimed_command
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- E2 for queued commands. p_claim: the caller has reserved the numbers above it.
declare
    v_saga uuid[]; v_step smallint[]; v_claim bigint[]; v_before bigint[]; v_found integer;
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    with due as (
        select picked.saga, picked.step, picked.claim as before, p_claim + row_number() over () as claim
        from unnest(p_services) as wanted(service)
        cross join lateral (
            select c.saga, c.step, c.claim from command c
            where c.service = wanted.service and c.owner is null and c.due_at <= statement_timestamp()
            order by c.due_at limit p_limit for no key update skip locked
        ) as picked
        limit p_limit
    ), claimed as (
        update command c
        set owner = p_owner, claim = due.claim, deliveries = counted(c.deliveries + 1),
            lease_until = clock_timestamp() + seconds(p_lease)
        from due where c.saga = due.saga and c.step = due.step
        returning c.saga, c.step, c.claim, due.before
    )
    select array_agg(saga), array_agg(step), array_agg(claim), array_agg(before) into v_saga, v_step, v_claim, v_before from claimed;
    if v_saga is not null then
        return query select * from claimed_commands(v_saga, v_step, v_claim, null);
        get diagnostics v_found = row_count;
        if v_found < cardinality(v_saga) then  -- what was refused at once, no process has claimed (G135)
            update command c set claim = v_before[w.n] from generate_series(1, cardinality(v_saga)) as w(n)
            where c.saga = v_saga[w.n] and c.step = v_step[w.n] and c.claim = v_claim[w.n] and c.owner is null;
        end if;
    end if;
end $$;
comment on function poll is 'Claims queued commands that are due';

create or replace function poll_one_by_one(
    p_services text[], p_owner integer, p_limit integer, p_claim bigint, p_lease float8, p_durable boolean
) returns setof claimed_command
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- After the server has refused a poll: the row that it refuses must not keep the others of its service from being claimed.
declare
    v_service text;
    v_claim bigint := p_claim;
begin
    foreach v_service in array p_services loop
        for n in 1 .. p_limit - (v_claim - p_claim) loop
            begin
                return query select * from poll(array[v_service], p_owner, 1, v_claim, p_lease, p_durable);
                exit when not found;
                v_claim := v_claim + 1;
            exception when data_exception or integrity_constraint_violation then
                update command c set due_at = now() + interval '1 minute', error = left('it cannot be claimed: ' || sqlerrm, 1000)
                from (
                    select q.saga, q.step from command q
                    where q.service = v_service and q.owner is null and q.due_at <= statement_timestamp()
                    order by q.due_at limit 1 for no key update skip locked
                ) as refused
                where c.saga = refused.saga and c.step = refused.step;
            end;
        end loop;
    end loop;
end $$;
comment on function poll_one_by_one is 'Claims queued commands that are due, and delays those that cannot be claimed';

create or replace function admit(
    p_saga uuid[], p_step smallint[], p_op "char"[], p_service text[], p_owner integer, p_claim bigint, p_lease float8, p_durable boolean
) returns setof claimed_command
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- E2 for commands delivered by an outside bus. A command with a live claim is refused; one without a row gets its row here.
declare
    v_saga uuid[]; v_step smallint[]; v_claim bigint[];
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    -- Lock the rows that exist first: the next statement then reads the saga as it is after the lock was granted.
    perform 1 from command c join unnest(p_saga, p_step) as asked(saga, step) on c.saga = asked.saga and c.step = asked.step
    order by c.saga, c.step for no key update of c;
    with asked as (
        select distinct on (a.saga, a.step) a.saga, a.step, a.op, a.service, p_claim + a.n as claim
        from unnest(p_saga, p_step, p_op, p_service) with ordinality as a(saga, step, op, service, n)
        join saga s on s.id = a.saga
        join definition_step d on d.definition = s.definition and d.step = a.step
        where not s.paused and d.service = a.service and called_for(s.phase, substr(s.vector, a.step + 1, 1), d.mode) = a.op
        order by a.saga, a.step, a.n
    ), claimed as (
        insert into command as c (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
        select saga, step, op, service, p_owner, claim, now(), clock_timestamp() + seconds(p_lease), 1 from asked
        on conflict (saga, step) do update
        set op = excluded.op, owner = excluded.owner, claim = excluded.claim, lease_until = excluded.lease_until,
            -- include: command_counters
        where c.op <> excluded.op or (c.owner is null and c.due_at <= now())
        returning c.saga, c.step, c.claim
    )
    select array_agg(saga), array_agg(step), array_agg(claim) into v_saga, v_step, v_claim from claimed;
    if v_saga is not null then
        return query select * from claimed_commands(v_saga, v_step, v_claim, null);
    end if;
end $$;
comment on function admit is 'Claims commands that an outside bus delivered';

create or replace function fetch_claims(p_owner integer, p_margin float8, p_saga uuid[], p_step smallint[])
returns setof claimed_command
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- p_saga and p_step: the commands to look for; empty: all claims of the process.
declare
    v_saga uuid[]; v_step smallint[]; v_claim bigint[];
begin
    if cardinality(p_saga) > 0 then
        select array_agg(c.saga), array_agg(c.step), array_agg(c.claim) into v_saga, v_step, v_claim
        from unnest(p_saga, p_step) as asked(saga, step)
        join command c on c.saga = asked.saga and c.step = asked.step where c.owner = p_owner;
    else
        select array_agg(c.saga), array_agg(c.step), array_agg(c.claim) into v_saga, v_step, v_claim
        from command c where c.owner = p_owner;
    end if;
    if v_saga is not null then
        return query select * from claimed_commands(v_saga, v_step, v_claim, p_margin);
    end if;
end $$;
comment on function fetch_claims is 'Reads the claims of a process';

create or replace function extend_claims(
    p_owner integer, p_lease float8, p_saga uuid[], p_step smallint[], p_claim bigint[], p_progress bytea, p_isolated boolean
) returns setof bigint
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Returns the claims that were extended. Of several claims, those whose rows are locked are skipped, and the caller asks for them again one
-- at a time: a transaction that holds some rows and waits for others would deadlock with a commit that locks them in the other order.
begin
    if cardinality(p_saga) > 1 then
        select array_agg(free.saga), array_agg(free.step), array_agg(free.claim) into p_saga, p_step, p_claim from (
            select c.saga, c.step, c.claim from unnest(p_saga, p_step, p_claim) as held(saga, step, claim)
            join command c on c.saga = held.saga and c.step = held.step and c.claim = held.claim
            where c.owner = p_owner for no key update of c skip locked
        ) as free;
    end if;
    return query
    update command c
    set lease_until = clock_timestamp() + seconds(p_lease), progress = coalesce(p_progress, c.progress),
        isolated_attempts = counted(c.isolated_attempts + p_isolated::integer)
    from unnest(p_saga, p_step, p_claim) as held(saga, step, claim), saga s, definition_step d
    where c.saga = held.saga and c.step = held.step and c.claim = held.claim and c.owner = p_owner
      and s.id = c.saga and d.definition = s.definition and d.step = c.step
      and called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) = c.op
    returning c.claim;
end $$;
comment on function extend_claims is
    'Extends leases that are still held and called for; records progress, or the beginning of an isolated attempt';

create or replace function give_back(p_saga uuid[], p_step smallint[], p_margin float8) returns integer
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- G24, G25: the call of a claim that ends without an outcome may still arrive until lease + timeout + margin have passed.
declare
    v_count integer;
begin
    update command c
    set owner = null, due_at = now(), lease_until = null,
        quiet_at = case when d.mode = 'X'
                   then greatest(c.quiet_at, c.lease_until + seconds(d.call_ms / 1000.0 + p_margin))
                   else c.quiet_at end
    from unnest(p_saga, p_step) as held(saga, step), saga s, definition_step d
    where c.saga = held.saga and c.step = held.step and s.id = c.saga and d.definition = s.definition and d.step = c.step;
    get diagnostics v_count = row_count;
    return v_count;
end $$;
comment on function give_back is 'Ends claims without an outcome and queues their commands; returns how many';
