-- Most commits: one step of one saga has its outcome, and one step follows or none. ADR 0015 has the figures.

create or replace function commit_one(
    p_process integer, p_lease float8, p_wait boolean, p_durable boolean,
    s_id uuid, s_version integer, s_phase "char", s_vector text, s_reason text,
    d_step smallint, d_claim bigint,
    r_attempts smallint, r_result bytea,
    c_step smallint, c_op "char", c_service text, c_owner integer, c_claim bigint, c_after float8,
    e_kind text, e_detail text, e_saga text,
    n_channel text, n_payload text
) returns boolean
language plpgsql set search_path from current set enable_seqscan = off as $$
-- Does the same as `commit_batch`, by plain statements that start sooner. False: nothing was written and no process notified, since the
-- saga has moved on or is locked, or the process that was to get the next claim is gone; `commit_batch` then says which.
-- The parameters are those of `commit_batch`. r_attempts null: there is no result; c_step null: nothing follows; e_saga: the kind of a line
-- about the saga itself, null: there is none; n_channel null: no process is notified. Turns rollback_requested and paused off.
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    if p_wait then
        perform set_config('lock_timeout', '2s', true);  -- a handler's session may wait for ever, and others need its connection
        set constraints all immediate;  -- a handler's deferred constraints fail before the saga row is locked
        perform 1 from saga s where s.id = s_id and s.version = s_version for no key update;
    else
        perform 1 from saga s where s.id = s_id and s.version = s_version for no key update skip locked;
    end if;
    if not found then  -- G4: the state on which the decision was based is the current one, and stays so until it is written
        return false;
    end if;
    if c_owner <> p_process and not exists (select from participant p where p.id = c_owner) then
        return false;
    end if;
    if is_terminal(s_phase) then
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
            s_id, c_step, c_op, c_service, c_owner, case when c_owner is not null then c_claim end,
            now() + seconds(c_after),
            case when c_owner is not null then clock_timestamp() + seconds(p_lease) end,
            case when c_owner is not null then 1 else 0 end
        )
        -- include: command_upsert
        ;
    end if;
    if r_attempts is not null then
        insert into step (saga, step, finished_at, owner, attempts, result)
        values (s_id, d_step, now(), p_process, r_attempts, r_result)
        on conflict (saga, step) do nothing;
    end if;
    insert into event (saga, at, version, process, n, step, phase, kind, vector, detail)
    values (
        s_id, now(), s_version + 1, p_process, 1, d_step, s_phase, e_kind, recorded_vector(e_kind, s_vector, s_version + 1), e_detail
    );
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
