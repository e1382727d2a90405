-- The hot path: one call is one round trip and one transaction. Lock order everywhere: saga rows first, then command rows, each sorted;
-- whoever locks a command row first never waits for a saga row. Locks are FOR NO KEY UPDATE and SKIP LOCKED; nobody waits behind a frozen holder.

create function called_for(phase "char", letter text, mode "char") returns "char" language sql immutable parallel safe as $$
    select case
        when phase = 'R' and letter = 'D' then 'E'
        when phase = 'R' and letter = 'W' then 'O'
        when phase = 'C' and letter = 'U' then 'E'
        when phase = 'C' and letter in ('K', 'k') then 'C'
        when phase = 'A' and letter = 'G' and mode = 'J' then 'O'
    end::"char"
$$;
comment on function called_for is 'G1: the operation that the vector calls for';

create function keeps_command(letter text, mode "char") returns boolean language sql immutable parallel safe as $$
    select letter in ('d', 'w', 'u', 'k') or (letter = 'G' and mode = 'X')
$$;
comment on function keeps_command is 'G37, G40: nothing is called for, but the command knows until when a call may still arrive';

create type work as (
    saga uuid, step smallint, op "char", claim bigint, definition integer, version integer,
    phase "char", vector text, rollback_requested boolean, deadline float8, reason text, waiter integer,
    input bytea, result_steps smallint[], results bytea[],
    deliveries smallint, failures smallint, first_failed_ago float8, lease_seconds float8, quiet_seconds float8,
    progress bytea, now float8, trace text, trials smallint
);

-- Claims that the vector does not call for are dropped, or set aside where the step keeps its command; so are those of paused sagas. One that
-- was given back after the caller has read of it is nobody's any more: its row has the same number still, and perhaps a quiet time.
-- p_margin null: they were made just now, and their rows are locked. Else they may run already: their calls can still arrive, and count; and what
-- is called for again in the meantime must not be set aside for good, so that they go back to the queue, and it is the next pull that does it.
create function refuse(p_saga uuid[], p_step smallint[], p_claim bigint[], p_margin float8) returns void
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    delete from command c
    using unnest(p_saga, p_step, p_claim) as mine(saga, step, claim), saga s, definition_step d
    where c.saga = mine.saga and c.step = mine.step and c.claim = mine.claim and c.owner is not null and s.id = c.saga
      and d.definition = s.definition and d.step = c.step and not keeps_command(substr(s.vector, c.step + 1, 1), d.mode)
      and called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) is distinct from c.op;
    update command c
    set owner = null, lease_until = null, deliveries = c.deliveries - (p_margin is null)::integer,
        due_at = case when p_margin is null and (s.paused or called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) is distinct from c.op)
                 then 'infinity' else now() end,
        quiet_at = case when p_margin is not null and d.mode = 'X'
                   then greatest(c.quiet_at, c.lease_until + make_interval(secs => d.call_ms / 1000.0 + p_margin)) else c.quiet_at end
    from unnest(p_saga, p_step, p_claim) as mine(saga, step, claim), saga s, definition_step d
    where c.saga = mine.saga and c.step = mine.step and c.claim = mine.claim and c.owner is not null and s.id = c.saga
      and d.definition = s.definition and d.step = c.step;
end $$;
comment on function refuse is 'G1: gives up claims that are not called for';

-- What a process needs to run claims that it holds. Those that the vector does not call for are left out and refused, and so are those that were
-- given back after the caller has read of them: a row keeps the number of its last claim. None is both returned and refused.
-- (plpgsql, like all of the hot path: it keeps its plans, while a function in SQL is planned at each call.)
create function work_of(p_saga uuid[], p_step smallint[], p_claim bigint[], p_margin float8) returns setof work
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    v_work work;
    v_found bigint[] := '{}';
begin
    for v_work in
        select c.saga, c.step, c.op, c.claim, s.definition, s.version,
               s.phase, s.vector, s.rollback_requested, extract(epoch from s.deadline)::float8, s.reason, s.waiter,
               s.input, found.steps, found.results,
               c.deliveries, c.failures, coalesce(extract(epoch from now() - c.first_failed_at)::float8, 0),
               extract(epoch from c.lease_until - clock_timestamp())::float8,
               coalesce(extract(epoch from c.quiet_at - clock_timestamp())::float8, 0),
               c.progress, extract(epoch from clock_timestamp())::float8, s.trace, c.trials
        from unnest(p_saga, p_step, p_claim) as mine(saga, step, claim)
        join command c on c.saga = mine.saga and c.step = mine.step and c.claim = mine.claim
        join saga s on s.id = c.saga
        join definition_step d on d.definition = s.definition and d.step = c.step
        left join lateral (
            select array_agg(r.step) as steps, array_agg(r.result) as results
            from step r
            where (c.op = 'C' or d.reads <> '{}')  -- most need no results: then nothing is looked for
              and r.saga = c.saga and r.result is not null and (r.step = any (d.reads) or (c.op = 'C' and r.step = c.step))
        ) as found on true
        where c.owner is not null and not s.paused and called_for(s.phase, substr(s.vector, c.step + 1, 1), d.mode) = c.op
    loop
        v_found := v_found || v_work.claim;
        return next v_work;
    end loop;
    if cardinality(v_found) < cardinality(p_claim) then
        perform refuse(array_agg(mine.saga), array_agg(mine.step), array_agg(mine.claim), p_margin)
        from unnest(p_saga, p_step, p_claim) as mine(saga, step, claim) where mine.claim <> all (v_found);
    end if;
end $$;
comment on function work_of is 'Claims with all that is needed to run them; others are refused';

-- E2 for queued commands: claim what is due for these services.
create function pull(
    p_services text[], p_owner integer, p_limit integer, p_claim bigint, p_lease float8, p_durable boolean
) returns setof work
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    v_saga uuid[]; v_step smallint[]; v_claim bigint[];
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    with due as (
        select picked.saga, picked.step, p_claim + row_number() over () as claim
        from unnest(p_services) as wanted(service)
        cross join lateral (
            select c.saga, c.step from command c
            where c.service = wanted.service and c.owner is null and c.due_at <= statement_timestamp()
            order by c.due_at limit p_limit for no key update skip locked
        ) as picked
        limit p_limit
    ), claimed as (
        update command c
        set owner = p_owner, claim = due.claim, deliveries = c.deliveries + 1, lease_until = clock_timestamp() + make_interval(secs => p_lease)
        from due where c.saga = due.saga and c.step = due.step
        returning c.saga, c.step, c.claim
    )
    select array_agg(saga), array_agg(step), array_agg(claim) into v_saga, v_step, v_claim from claimed;
    if v_saga is not null then
        return query select * from work_of(v_saga, v_step, v_claim, null);
    end if;
end $$;
comment on function pull is 'Claims queued commands that are due';

-- E2 for commands that came over an outside bus: (saga, step, op) each. A live claim refuses; an unknown row is inserted.
create function admit(
    p_saga uuid[], p_step smallint[], p_op "char"[], p_service text[], p_owner integer, p_claim bigint, p_lease float8, p_durable boolean
) returns setof work
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    v_saga uuid[]; v_step smallint[]; v_claim bigint[];
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    -- A command for a row that exists: a second statement reads the saga after the row is locked.
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
        select saga, step, op, service, p_owner, claim, now(), clock_timestamp() + make_interval(secs => p_lease), 1 from asked
        on conflict (saga, step) do update
        set op = excluded.op, owner = excluded.owner, claim = excluded.claim, lease_until = excluded.lease_until,
            deliveries = case when c.op = excluded.op then c.deliveries + 1 else 1 end,
            failures = case when c.op = excluded.op then c.failures else 0 end,
            trials = case when c.op = excluded.op then c.trials else 0 end,
            first_failed_at = case when c.op = excluded.op then c.first_failed_at end,
            progress = case when c.op = excluded.op then c.progress end
        where c.op <> excluded.op or (c.owner is null and c.due_at <= now())
        returning c.saga, c.step, c.claim
    )
    select array_agg(saga), array_agg(step), array_agg(claim) into v_saga, v_step, v_claim from claimed;
    if v_saga is not null then
        return query select * from work_of(v_saga, v_step, v_claim, null);
    end if;
end $$;
comment on function admit is 'Claims commands that an outside bus delivered';

create type write_conflict as (
    n integer, version integer, phase "char", vector text, rollback_requested boolean, paused boolean, deadline float8, reason text, now float8
);

-- Group commit: everything that a batch of outcomes calls for, in one transaction. s_* are the sagas (one entry each, in any order); the
-- other arrays point to them by position (1-based); an empty s_cancel .. s_wake stands for false and null. A saga whose version has moved, whose row is locked or whose rejection does not come
-- from the newest claim (G27) is returned as a write conflict with its present state, and nothing of it is written.
-- n_*: who is told what: w: if the whole batch was written, m: if something of it conflicted.
-- p_wait: wait for the saga rows instead of skipping them (one saga at a time; transactional steps).
-- p_careful: some command or result may have a row already. Else a row that is there is an error: to look for it at each row costs more than
-- the row.
create function commit_batch(
    p_process integer, p_lease float8, p_wait boolean, p_durable boolean, p_careful boolean,
    s_id uuid[], s_version integer[], s_changed boolean[], s_phase "char"[], s_vector text[], s_cancel boolean[], s_paused boolean[],
    s_deadline float8[], s_reason text[], s_wake float8[],
    f_s integer[], f_step smallint[], f_claim bigint[],
    d_s integer[], d_step smallint[], d_claim bigint[],
    t_s integer[], t_step smallint[], t_claim bigint[], t_after float8[], t_quiet float8[], t_failures smallint[], t_trials smallint[], t_error text[],
    c_s integer[], c_step smallint[], c_op "char"[], c_service text[], c_owner integer[], c_claim bigint[], c_after float8[],
    r_s integer[], r_step smallint[], r_attempts smallint[], r_result bytea[],
    e_s integer[], e_step smallint[], e_kind text[], e_detail text[],
    n_channel text[], n_payload text[], n_when "char"[]
) returns setof write_conflict
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    held integer[];   -- positions of the sagas that are as they were, and locked
    stale integer[];  -- positions of rejections that are not from the newest claim
    ok boolean[];
    all_ok boolean;
    alive integer[] := '{}';  -- who is there to whom commands are given
    gone boolean := false;    -- somebody is not
    v_gone write_conflict;
begin
    -- Arrays are read by position and not by unnest: one function scan a statement instead of one an array.
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    -- G4: what was decided on is what is there, and stays so until we have written
    if p_wait then
        set constraints all immediate;  -- a handler's deferred constraints fail before the saga row is locked
        perform 1 from saga s where s.id = any (s_id) order by s.id for no key update;
        select array_agg(w.n) into held from generate_series(1, cardinality(s_id)) as w(n)
        join saga s on s.id = s_id[w.n] and s.version = s_version[w.n] where s_changed[w.n];
    else
        with locked as (
            select w.n from generate_series(1, cardinality(s_id)) as w(n)
            join saga s on s.id = s_id[w.n] and s.version = s_version[w.n]
            where s_changed[w.n] order by s.id for no key update of s skip locked
        )
        select array_agg(locked.n) into held from locked;
    end if;
    -- G27: a rejection counts only from the newest claim
    if cardinality(f_s) > 0 then
        with newest as (
            select w.n from generate_series(1, cardinality(f_s)) as w(n)
            join command c on c.saga = s_id[f_s[w.n]] and c.step = f_step[w.n] and c.claim = f_claim[w.n]
            order by c.saga, c.step for no key update of c
        )
        select array_agg(f_s[w.n]) into stale from generate_series(1, cardinality(f_s)) as w(n)
        where not exists (select from newest where newest.n = w.n);
    end if;
    all_ok := stale is null and coalesce(cardinality(held), 0) = cardinality(array_positions(s_changed, true));
    if not all_ok then
        select array_agg((not s_changed[w.n] or w.n = any (held)) is true and (w.n = any (stale)) is not true order by w.n) into ok
        from generate_series(1, cardinality(s_id)) as w(n);
    end if;

    update saga s
    set version = s.version + 1, touched_by = p_process, phase = s_phase[w.n], vector = s_vector[w.n],
        rollback_requested = coalesce(s_cancel[w.n], false), paused = coalesce(s_paused[w.n], false), reason = s_reason[w.n],
        deadline = case when s_deadline[w.n] is null then s.deadline
                        when s_deadline[w.n] < 'infinity' then to_timestamp(s_deadline[w.n]) end,
        ended_at = case when s_phase[w.n] in ('D', 'Z', 'X') then now() end,
        wake_at = case when s_phase[w.n] in ('D', 'Z', 'X') then null
                       when s_wake[w.n] is not null then least(  -- nobody sleeps past a deadline that is still ahead
                           now() + make_interval(secs => s_wake[w.n]),
                           case when coalesce(to_timestamp(s_deadline[w.n]), s.deadline) > now()
                                then coalesce(to_timestamp(s_deadline[w.n]), s.deadline) end)
                       when s_deadline[w.n] < 'infinity' then least(s.wake_at, to_timestamp(s_deadline[w.n])) else s.wake_at end
    from generate_series(1, cardinality(s_id)) as w(n)
    where s.id = s_id[w.n] and s_changed[w.n] and (all_ok or ok[w.n]);

    if cardinality(d_s) > 0 then
        delete from command c using generate_series(1, cardinality(d_s)) as w(n)
        where c.saga = s_id[d_s[w.n]] and c.step = d_step[w.n] and (d_claim[w.n] is null or c.claim = d_claim[w.n])
          and (all_ok or ok[d_s[w.n]]);
    end if;
    if cardinality(t_s) > 0 then
        update command c
        set owner = null, lease_until = null, failures = t_failures[w.n], trials = t_trials[w.n], error = t_error[w.n],
            due_at = case when t_after[w.n] >= 1e9 then 'infinity' else now() + make_interval(secs => t_after[w.n]) end,
            deliveries = case when t_failures[w.n] = c.failures then c.deliveries - 1 else c.deliveries end,
            first_failed_at = case when t_failures[w.n] > c.failures then coalesce(c.first_failed_at, now()) else c.first_failed_at end,
            quiet_at = case when t_quiet[w.n] > 0 then greatest(c.quiet_at, now() + make_interval(secs => t_quiet[w.n])) else c.quiet_at end
        from generate_series(1, cardinality(t_s)) as w(n)
        where c.saga = s_id[t_s[w.n]] and c.step = t_step[w.n] and c.claim = t_claim[w.n] and (all_ok or ok[t_s[w.n]]);
    end if;
    if cardinality(c_s) > 0 then
        -- A command goes to its process if that one is still there, else into the queue of its service
        select coalesce(array_agg(p.id), '{}') || p_process into alive from participant p where p.id = any (c_owner);
        gone := not array_remove(c_owner, null) <@ alive;
    end if;
    -- Both inserts stand here twice, since ON CONFLICT has no condition, and text that is put together would be planned at each call.
    if cardinality(c_s) > 0 and not p_careful then
        insert into command (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
        select s_id[c_s[w.n]], c_step[w.n], c_op[w.n], c_service[w.n], o.owner, case when o.owner is not null then c_claim[w.n] end,
               now() + make_interval(secs => c_after[w.n]),
               case when o.owner is not null then clock_timestamp() + make_interval(secs => p_lease) end,
               case when o.owner is not null then 1 else 0 end
        from generate_series(1, cardinality(c_s)) as w(n)
        cross join lateral (select case when c_owner[w.n] = any (alive) then c_owner[w.n] end as owner) as o
        where all_ok or ok[c_s[w.n]];
    elsif cardinality(c_s) > 0 then
        insert into command as c (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
        select s_id[c_s[w.n]], c_step[w.n], c_op[w.n], c_service[w.n], o.owner, case when o.owner is not null then c_claim[w.n] end,
               now() + make_interval(secs => c_after[w.n]),
               case when o.owner is not null then clock_timestamp() + make_interval(secs => p_lease) end,
               case when o.owner is not null then 1 else 0 end
        from generate_series(1, cardinality(c_s)) as w(n)
        cross join lateral (select case when c_owner[w.n] = any (alive) then c_owner[w.n] end as owner) as o
        where all_ok or ok[c_s[w.n]]
        order by s_id[c_s[w.n]], c_step[w.n]
        on conflict (saga, step) do update
        set op = excluded.op, owner = excluded.owner, claim = excluded.claim, due_at = excluded.due_at, lease_until = excluded.lease_until,
            deliveries = excluded.deliveries + case when c.op = excluded.op and c.due_at <> 'infinity' then c.deliveries else 0 end,
            failures = case when c.op = excluded.op and c.due_at <> 'infinity' then c.failures else 0 end,
            trials = case when c.op = excluded.op and c.due_at <> 'infinity' then c.trials else 0 end,
            first_failed_at = case when c.op = excluded.op and c.due_at <> 'infinity' then c.first_failed_at end, error = null,
            progress = case when c.op = excluded.op then c.progress end
        where c.op <> excluded.op or c.owner is null;
    end if;
    if cardinality(r_s) > 0 and not p_careful then
        insert into step (saga, step, finished_at, owner, attempts, result)
        select s_id[r_s[w.n]], r_step[w.n], now(), p_process, r_attempts[w.n], r_result[w.n]
        from generate_series(1, cardinality(r_s)) as w(n)
        where all_ok or ok[r_s[w.n]];
    elsif cardinality(r_s) > 0 then
        insert into step (saga, step, finished_at, owner, attempts, result)
        select s_id[r_s[w.n]], r_step[w.n], now(), p_process, r_attempts[w.n], r_result[w.n]
        from generate_series(1, cardinality(r_s)) as w(n)
        where all_ok or ok[r_s[w.n]]
        on conflict (saga, step) do nothing;
    end if;
    if cardinality(e_s) > 0 then
        insert into event (saga, at, version, process, n, step, phase, kind, vector, detail)
        select s_id[e_s[w.n]], now(), case when s_changed[e_s[w.n]] then s_version[e_s[w.n]] + 1 end, p_process, w.n, nullif(e_step[w.n], -1),
               s_phase[e_s[w.n]], e_kind[w.n], s_vector[e_s[w.n]], e_detail[w.n]
        from generate_series(1, cardinality(e_s)) as w(n)
        where all_ok or ok[e_s[w.n]];
    end if;
    for i in 1 .. cardinality(n_channel) loop
        continue when n_when[i] = case when all_ok and not gone then 'm' else 'w' end;
        perform pg_notify(n_channel[i], n_payload[i]);
    end loop;

    if not all_ok then
        return query
        select w.n, s.version, s.phase, s.vector, s.rollback_requested, s.paused, extract(epoch from s.deadline)::float8, s.reason,
               extract(epoch from clock_timestamp())::float8
        from generate_series(1, cardinality(s_id)) as w(n) left join saga s on s.id = s_id[w.n] where not ok[w.n];
    end if;
    if gone then
        v_gone.n := 0;
        return next v_gone;
    end if;
end $$;
comment on function commit_batch is 'Writes what a batch of outcomes decided, and says which sagas had moved on; a row 0: a command was queued, since the process to which it was given is gone';

-- What most commits are: one step of one saga has its outcome, nothing disturbs the saga, and one step follows or none. The same as
-- `commit_batch` would write, by plain statements that begin sooner. False: the saga has moved on or is locked, or the process to which the
-- next command is given is gone, and nothing was written or told; `commit_batch` says what is the matter.
-- r_attempts null: the outcome has no result; c_step null: nothing follows; e_saga null: no line about the saga itself; n_channel null: nobody
-- is told. Whatever the flags were, they are off now.
create function commit_one(
    p_process integer, p_lease float8, p_wait boolean, p_durable boolean,
    s_id uuid, s_version integer, s_phase "char", s_vector text, s_reason text,
    d_step smallint, d_claim bigint,
    r_attempts smallint, r_result bytea,
    c_step smallint, c_op "char", c_service text, c_owner integer, c_claim bigint, c_after float8,
    e_kind text, e_detail text, e_saga text,
    n_channel text, n_payload text
) returns boolean
language plpgsql set search_path from current set enable_seqscan = off as $$
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    if p_wait then
        set constraints all immediate;  -- a handler's deferred constraints fail before the saga row is locked
        perform 1 from saga s where s.id = s_id and s.version = s_version for no key update;
    else
        perform 1 from saga s where s.id = s_id and s.version = s_version for no key update skip locked;
    end if;
    if not found then  -- G4: what was decided on is what is there, and stays so until we have written
        return false;
    end if;
    if c_owner <> p_process and not exists (select from participant p where p.id = c_owner) then
        return false;
    end if;
    if s_phase in ('D', 'Z', 'X') then
        update saga s
        set version = s_version + 1, touched_by = p_process, phase = s_phase, vector = s_vector, reason = s_reason,
            rollback_requested = false, paused = false, ended_at = now(), wake_at = null
        where s.id = s_id;
    else
        update saga s
        set version = s_version + 1, touched_by = p_process, phase = s_phase, vector = s_vector, reason = s_reason,
            rollback_requested = false, paused = false
        where s.id = s_id;
    end if;
    delete from command c where c.saga = s_id and c.step = d_step and (d_claim is null or c.claim = d_claim);
    if c_step is not null then
        insert into command as c (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
        values (
            s_id, c_step, c_op, c_service, c_owner, case when c_owner is not null then c_claim end, now() + make_interval(secs => c_after),
            case when c_owner is not null then clock_timestamp() + make_interval(secs => p_lease) end,
            case when c_owner is not null then 1 else 0 end
        )
        on conflict (saga, step) do update
        set op = excluded.op, owner = excluded.owner, claim = excluded.claim, due_at = excluded.due_at, lease_until = excluded.lease_until,
            deliveries = excluded.deliveries + case when c.op = excluded.op and c.due_at <> 'infinity' then c.deliveries else 0 end,
            failures = case when c.op = excluded.op and c.due_at <> 'infinity' then c.failures else 0 end,
            trials = case when c.op = excluded.op and c.due_at <> 'infinity' then c.trials else 0 end,
            first_failed_at = case when c.op = excluded.op and c.due_at <> 'infinity' then c.first_failed_at end, error = null,
            progress = case when c.op = excluded.op then c.progress end
        where c.op <> excluded.op or c.owner is null;
    end if;
    if r_attempts is not null then
        insert into step (saga, step, finished_at, owner, attempts, result)
        values (s_id, d_step, now(), p_process, r_attempts, r_result)
        on conflict (saga, step) do nothing;
    end if;
    insert into event (saga, at, version, process, n, step, phase, kind, vector, detail)
    values (s_id, now(), s_version + 1, p_process, 1, d_step, s_phase, e_kind, s_vector, e_detail);
    if e_saga is not null then
        insert into event (saga, at, version, process, n, phase, kind, vector)
        values (s_id, now(), s_version + 1, p_process, 2, s_phase, e_saga, s_vector);
    end if;
    if n_channel is not null then
        perform pg_notify(n_channel, n_payload);
    end if;
    return true;
end $$;
comment on function commit_one is 'Writes what follows from one outcome of one saga, if the saga has not moved on';

-- E1. Keys first: a key that is taken returns the saga that has it, and whether its input was the same. Nothing else is inserted for it.
create function start_batch(
    p_process integer, p_lease float8, p_redrive float8, p_waiter integer, p_durable boolean, p_again boolean,
    s_id uuid[], s_definition integer[], s_phase "char"[], s_vector text[], s_deadline float8[], s_tags text[], s_trace text[], s_input bytea[],
    k_s integer[], k_name text[], k_key text[], k_hash bytea[],
    c_s integer[], c_step smallint[], c_op "char"[], c_service text[], c_owner integer[], c_claim bigint[],
    e_s integer[], e_step smallint[], e_kind text[], e_detail text[],
    n_channel text[], n_payload text[], n_when "char"[]
) returns table (n integer, saga uuid, is_same boolean)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
declare
    taken integer[] := '{}';
    present integer[] := '{}';
    alive integer[];  -- who is there to whom commands are given
    gone boolean;     -- somebody is not
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    -- An earlier try whose answer was lost may have been committed after all
    if p_again then
        select coalesce(array_agg(w.n), '{}') into present from unnest(s_id) with ordinality as w(id, n) join saga s on s.id = w.id;
    end if;
    if cardinality(k_s) > 0 then
        with won as (
            insert into start_key (definition_name, key, saga, input_hash)
            select w.name, w.key, s_id[w.s], w.hash from unnest(k_s, k_name, k_key, k_hash) as w(s, name, key, hash)
            order by w.name, w.key
            on conflict (definition_name, key) do nothing
            returning start_key.saga
        )
        select coalesce(array_agg(w.s), '{}') into taken
        from unnest(k_s) as w(s) left join won on won.saga = s_id[w.s] where won.saga is null;
    end if;
    taken := taken || present;
    insert into saga (id, definition, touched_by, waiter, phase, wake_at, deadline, started_at, ended_at, vector, tags, trace, input)
    select s_id[w.n], s_definition[w.n], p_process, p_waiter, s_phase[w.n],
           case when s_phase[w.n] <> 'D' then now() + make_interval(secs => least(p_redrive, s_deadline[w.n])) end,
           now() + make_interval(secs => s_deadline[w.n]), now(), case when s_phase[w.n] = 'D' then now() end, s_vector[w.n],
           s_tags[w.n]::jsonb, s_trace[w.n], s_input[w.n]
    from generate_series(1, cardinality(s_id)) as w(n)
    where w.n <> all (taken);
    -- A command goes to its process if that one is still there, else into the queue of its service
    select coalesce(array_agg(p.id), '{}') || p_process into alive from participant p where p.id = any (c_owner);
    gone := not array_remove(c_owner, null) <@ alive;
    insert into command (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
    select s_id[c_s[w.n]], c_step[w.n], c_op[w.n], c_service[w.n], o.owner, case when o.owner is not null then c_claim[w.n] end, now(),
           case when o.owner is not null then clock_timestamp() + make_interval(secs => p_lease) end, case when o.owner is not null then 1 else 0 end
    from generate_series(1, cardinality(c_s)) as w(n)
    cross join lateral (select case when c_owner[w.n] = any (alive) then c_owner[w.n] end as owner) as o
    where c_s[w.n] <> all (taken);
    insert into event (saga, at, version, process, n, step, phase, kind, vector, detail)
    select s_id[e_s[w.n]], now(), 1, p_process, w.n, nullif(e_step[w.n], -1), s_phase[e_s[w.n]], e_kind[w.n], s_vector[e_s[w.n]], e_detail[w.n]
    from generate_series(1, cardinality(e_s)) as w(n) where e_s[w.n] <> all (taken);
    for i in 1 .. cardinality(n_channel) loop
        continue when n_when[i] = case when p_again or gone or taken <> '{}' then 'w' else 'm' end;
        perform pg_notify(n_channel[i], n_payload[i]);
    end loop;
    if cardinality(taken) > 0 then
        return query
        select w.s, k.saga, k.input_hash = w.hash
        from unnest(k_s, k_name, k_key, k_hash) as w(s, name, key, hash)
        join start_key k on k.definition_name = w.name and k.key = w.key
        where w.s = any (taken);
    end if;
    if gone then
        return query select 0, null::uuid, null::boolean;
    end if;
end $$;
comment on function start_batch is 'Starts sagas; a start key that is taken returns the saga that has it; a row 0: a command was queued, since the process to which it was given is gone';

-- What most starts are: one saga, of which one step is the first. False: its key is taken, or the process to which the command is given is gone,
-- and nothing was written or told; `start_batch` says what is the matter. k_key null: it has none; n_channel null: nobody is told.
create function start_one(
    p_process integer, p_lease float8, p_redrive float8, p_waiter integer, p_durable boolean,
    s_id uuid, s_definition integer, s_phase "char", s_vector text, s_deadline float8, s_tags text, s_trace text, s_input bytea,
    k_name text, k_key text, k_hash bytea,
    c_step smallint, c_op "char", c_service text, c_owner integer, c_claim bigint,
    e_kind text, e_detail text,
    n_channel text, n_payload text
) returns boolean
language plpgsql set search_path from current set enable_seqscan = off as $$
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    if c_owner <> p_process and not exists (select from participant p where p.id = c_owner) then
        return false;
    end if;
    if k_key is not null then
        insert into start_key (definition_name, key, saga, input_hash) values (k_name, k_key, s_id, k_hash)
        on conflict (definition_name, key) do nothing;
        if not found then
            return false;
        end if;
    end if;
    insert into saga (id, definition, touched_by, waiter, phase, wake_at, deadline, started_at, vector, tags, trace, input)
    values (
        s_id, s_definition, p_process, p_waiter, s_phase, now() + make_interval(secs => least(p_redrive, s_deadline)),
        now() + make_interval(secs => s_deadline), now(), s_vector, s_tags::jsonb, s_trace, s_input
    );
    insert into command (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
    values (
        s_id, c_step, c_op, c_service, c_owner, case when c_owner is not null then c_claim end, now(),
        case when c_owner is not null then clock_timestamp() + make_interval(secs => p_lease) end,
        case when c_owner is not null then 1 else 0 end
    );
    insert into event (saga, at, version, process, n, phase, kind, vector, detail)
    values (s_id, now(), 1, p_process, 1, s_phase, e_kind, s_vector, e_detail);
    if n_channel is not null then
        perform pg_notify(n_channel, n_payload);
    end if;
    return true;
end $$;
comment on function start_one is 'Starts a saga, if its start key is not taken';

-- What those who wait for sagas ask, many at once: how far they are, and what those return that are complete.
create function standings(p_saga uuid[]) returns table (
    saga uuid, definition integer, phase "char", reason text, input bytea, steps smallint[], results bytea[]
)
language plpgsql stable set search_path from current set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    return query
    select s.id, s.definition, s.phase, s.reason, case when s.phase = 'D' then s.input end, found.steps, found.results
    from unnest(p_saga) as asked(id)
    join saga s on s.id = asked.id
    left join lateral (
        select array_agg(r.step) as steps, array_agg(r.result) as results from step r where r.saga = s.id and r.result is not null
    ) as found on s.phase = 'D';
end $$;
comment on function standings is 'How far sagas are, for those who wait for their ends';
