-- Group commit. A call is one round trip and one transaction.

create or replace function broken_fences(p_saga uuid[], p_step smallint[], p_claim bigint[]) returns setof integer
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Locks the commands, and returns the positions of those whose newest claim has another number. G27: a rejection counts only from the newest
-- claim. G135: p_claim null says that no process has ever claimed the command. A command that a bus carries has no row before its first
-- claim: a row that is inserted and deleted here lets its admission wait until this transaction has ended, and find the saga as it is then.
begin
    if array_position(p_claim, null) is not null then
        insert into command (saga, step, op, service, due_at)
        select p_saga[w.n], p_step[w.n], 'E', '', 'infinity' from generate_series(1, cardinality(p_saga)) as w(n)
        where p_claim[w.n] is null order by p_saga[w.n], p_step[w.n]
        on conflict (saga, step) do nothing;
    end if;
    return query
    with held as (
        select w.n from generate_series(1, cardinality(p_saga)) as w(n)
        join command c on c.saga = p_saga[w.n] and c.step = p_step[w.n] and c.claim is not distinct from p_claim[w.n]
        order by c.saga, c.step for no key update of c
    )
    select w.n from generate_series(1, cardinality(p_saga)) as w(n) where not exists (select from held where held.n = w.n);
    if array_position(p_claim, null) is not null then
        delete from command c using generate_series(1, cardinality(p_saga)) as w(n)
        where c.saga = p_saga[w.n] and c.step = p_step[w.n] and c.service = '';
    end if;
end $$;
comment on function broken_fences is 'G27, G135: which commands have another newest claim than they must have';

create or replace function commit_batch(
    p_process integer, p_lease float8, p_wait boolean, p_durable boolean, p_careful boolean,
    s_id uuid[], s_version integer[], s_changed boolean[], s_phase "char"[], s_vector text[], s_rollback boolean[], s_paused boolean[],
    s_deadline float8[], s_reason text[], s_wake float8[],
    f_s integer[], f_step smallint[], f_claim bigint[],
    d_s integer[], d_step smallint[], d_claim bigint[],
    t_s integer[], t_step smallint[], t_claim bigint[], t_after float8[], t_quiet float8[], t_failures smallint[], t_isolated smallint[],
    t_error text[],
    c_s integer[], c_step smallint[], c_op "char"[], c_service text[], c_owner integer[], c_claim bigint[], c_after float8[],
    r_s integer[], r_step smallint[], r_attempts smallint[], r_result bytea[],
    e_s integer[], e_step smallint[], e_kind text[], e_detail text[],
    n_channel text[], n_payload text[], n_when "char"[]
) returns setof write_conflict
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Writes what a batch of outcomes calls for, in one transaction. A saga whose version has moved, whose row is locked or that has a fence
-- which does not hold (G27, G135) is returned as a write conflict with its current state, and nothing of it is written.
--
-- p_process   the process that commits                         p_lease    seconds for which the claims made here hold
-- p_wait      wait for the saga rows instead of skipping locked ones: for one saga at a time, in the transaction of a step
-- p_durable   false: the commit does not wait for the disk
-- p_careful   a command or result may have a row already. Otherwise an existing row is an error: ON CONFLICT costs more.
--
-- The other parameters are columns of what is to be written. The prefix names the kind of row; x_s is the position (from 1) of its saga.
-- s_  sagas, one entry each: the version that was read, then the new phase, vector and so on. s_changed false: only its commands change.
--     s_deadline 'infinity': it has no deadline from now on; null: unchanged. s_wake: seconds until it is redriven. Empty s_rollback ..
--     s_wake: no saga of the batch has any of the five.
-- f_  fences: the number that a command's newest claim must have; null: no process may ever have claimed it
-- d_  drops: commands that are over; d_claim null: whatever claim the row has
-- t_  delays: claims that end without an outcome. t_after: seconds until the next attempt, 1e9 or more: parked; t_quiet: seconds for
--     which a call may still arrive; t_failures and t_isolated: the new counters, a negative t_failures: as before, and the delivery counts; t_error: why the attempt failed
-- c_  commands to dispatch. c_owner: the process that gets the claim c_claim; null: queued; c_after: seconds until it is due
-- r_  results of steps: r_attempts is the number of deliveries
-- e_  events, the lines of the history; e_step -1: about the saga
-- n_  notifications: n_when 'w' if the whole batch was written, 'm' if a part of it was not
declare
    v_held integer[];   -- positions of the sagas that are as they were read, and locked
    v_stale integer[];  -- positions of sagas with a fence that does not hold
    v_ok boolean[];     -- for each saga: whether it is written
    v_all_ok boolean;
    v_alive integer[] := '{}';        -- the processes among c_owner that are alive
    v_is_owner_gone boolean := false;
    v_owner_gone write_conflict;
begin
    -- Arrays are read by position and not by unnest: one function scan per statement instead of one per array.
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    -- G4: the state on which the decision was based is the current one, and stays so until it is written
    if p_wait then
        perform set_config('lock_timeout', '2s', true);  -- a handler's session may wait for ever, and others need its connection
        set constraints all immediate;  -- a handler's deferred constraints fail before the saga row is locked
        perform 1 from saga s where s.id = any (s_id) order by s.id for no key update;
        select array_agg(w.n) into v_held from generate_series(1, cardinality(s_id)) as w(n)
        join saga s on s.id = s_id[w.n] and s.version = s_version[w.n] where s_changed[w.n];
    else
        with locked as (
            select w.n from generate_series(1, cardinality(s_id)) as w(n)
            join saga s on s.id = s_id[w.n] and s.version = s_version[w.n]
            where s_changed[w.n] order by s.id for no key update of s skip locked
        )
        select array_agg(locked.n) into v_held from locked;
    end if;
    if cardinality(f_s) > 0 then
        select array_agg(f_s[broken.n]) into v_stale from broken_fences(
            (select array_agg(s_id[w.s] order by w.n) from unnest(f_s) with ordinality as w(s, n)), f_step, f_claim
        ) as broken(n);
    end if;
    v_all_ok := v_stale is null and coalesce(cardinality(v_held), 0) = cardinality(array_positions(s_changed, true));
    if not v_all_ok then
        select array_agg((not s_changed[w.n] or w.n = any (v_held)) is true and (w.n = any (v_stale)) is not true order by w.n) into v_ok
        from generate_series(1, cardinality(s_id)) as w(n);
    end if;

    update saga s
    set version = s.version + 1, touched_by = p_process, phase = s_phase[w.n], vector = s_vector[w.n],
        rollback_requested = coalesce(s_rollback[w.n], false), paused = coalesce(s_paused[w.n], false), reason = s_reason[w.n],
        deadline = case when s_deadline[w.n] is null then s.deadline
                        when s_deadline[w.n] < 'infinity' then moment(s_deadline[w.n]) end,
        ended_at = case when is_terminal(s_phase[w.n]) then now() end,
        wake_at = case when is_terminal(s_phase[w.n]) then null
                       when s_wake[w.n] is not null then least(  -- not later than a deadline that is still ahead
                           now() + seconds(s_wake[w.n]),
                           case when coalesce(moment(s_deadline[w.n]), s.deadline) > now()
                                then coalesce(moment(s_deadline[w.n]), s.deadline) end)
                       when s_deadline[w.n] < 'infinity' then least(s.wake_at, moment(s_deadline[w.n])) else s.wake_at end
    from generate_series(1, cardinality(s_id)) as w(n)
    where s.id = s_id[w.n] and s_changed[w.n] and (v_all_ok or v_ok[w.n]);

    if cardinality(d_s) > 0 then
        delete from command c using generate_series(1, cardinality(d_s)) as w(n)
        where c.saga = s_id[d_s[w.n]] and c.step = d_step[w.n] and (d_claim[w.n] is null or c.claim = d_claim[w.n])
          and (v_all_ok or v_ok[d_s[w.n]]);
    end if;
    if cardinality(t_s) > 0 then
        update command c
        set owner = null, lease_until = null,
            failures = case when t_failures[w.n] < 0 then c.failures else t_failures[w.n] end, isolated_attempts = t_isolated[w.n], error = t_error[w.n],
            due_at = case when t_after[w.n] >= 1e9 then 'infinity' else now() + seconds(t_after[w.n]) end,
            deliveries = case when t_failures[w.n] = c.failures then counted(c.deliveries - 1) else c.deliveries end,
            first_failed_at = case when t_failures[w.n] > c.failures then coalesce(c.first_failed_at, now())
                              else c.first_failed_at end,
            -- G136: null until something has begun. What ended with an error and does not count has not begun.
            quiet_at = case when t_quiet[w.n] > 0 then greatest(c.quiet_at, now() + seconds(t_quiet[w.n]))
                       when t_failures[w.n] = c.failures and t_error[w.n] is not null then c.quiet_at
                       else coalesce(c.quiet_at, now()) end
        from generate_series(1, cardinality(t_s)) as w(n)
        where c.saga = s_id[t_s[w.n]] and c.step = t_step[w.n] and c.claim = t_claim[w.n] and (v_all_ok or v_ok[t_s[w.n]]);
    end if;
    if cardinality(c_s) > 0 then
        select coalesce(array_agg(p.id), '{}') || p_process into v_alive from participant p where p.id = any (c_owner);
        v_is_owner_gone := not array_remove(c_owner, null) <@ v_alive;
    end if;
    -- Both inserts are here twice: ON CONFLICT cannot be made conditional, and dynamic SQL would be planned at each call.
    if cardinality(c_s) > 0 and not p_careful then
        -- include: commit_commands
        ;
    elsif cardinality(c_s) > 0 then
        -- include: commit_commands
        order by s_id[c_s[w.n]], c_step[w.n]
        -- include: command_upsert
        ;
    end if;
    if cardinality(r_s) > 0 and not p_careful then
        -- include: commit_results
        ;
    elsif cardinality(r_s) > 0 then
        -- include: commit_results
        on conflict (saga, step) do nothing;
    end if;
    if cardinality(e_s) > 0 then
        insert into event (saga, at, version, process, n, step, phase, kind, vector, detail)
        select s_id[e_s[w.n]], now(), case when s_changed[e_s[w.n]] then s_version[e_s[w.n]] + 1 end, p_process, w.n,
               nullif(e_step[w.n], -1), s_phase[e_s[w.n]], e_kind[w.n],
               recorded_vector(
                   e_kind[w.n], s_vector[e_s[w.n]], case when s_changed[e_s[w.n]] then s_version[e_s[w.n]] + 1 end
               ),
               e_detail[w.n]
        from generate_series(1, cardinality(e_s)) as w(n)
        where v_all_ok or v_ok[e_s[w.n]];
    end if;
    for i in 1 .. cardinality(n_channel) loop
        continue when n_when[i] = case when v_all_ok and not v_is_owner_gone then 'm' else 'w' end;
        perform pg_notify(n_channel[i], n_payload[i]);
    end loop;

    if not v_all_ok then
        return query
        select w.n, s.version, s.phase, s.vector, s.rollback_requested, s.paused, extract(epoch from s.deadline)::float8, s.reason,
               extract(epoch from clock_timestamp())::float8
        from generate_series(1, cardinality(s_id)) as w(n) left join saga s on s.id = s_id[w.n] where not v_ok[w.n];
    end if;
    if v_is_owner_gone then
        v_owner_gone.n := 0;
        return next v_owner_gone;
    end if;
end $$;
comment on function commit_batch is
    'Writes what a batch of outcomes decided and returns the write conflicts; a row 0: a command was queued because the process that '
    'was to get its claim is gone';
