-- E1: starting sagas.

create or replace function start_batch(
    p_process integer, p_lease float8, p_redrive float8, p_waiter integer, p_durable boolean, p_again boolean,
    s_id uuid[], s_definition integer[], s_phase "char"[], s_vector text[], s_deadline float8[], s_tags text[], s_trace text[],
    s_input bytea[],
    k_s integer[], k_name text[], k_key text[], k_hash bytea[],
    c_s integer[], c_step smallint[], c_op "char"[], c_service text[], c_owner integer[], c_claim bigint[],
    e_s integer[], e_step smallint[], e_kind text[], e_detail text[],
    n_channel text[], n_payload text[], n_when "char"[]
) returns table (n integer, saga uuid, is_same boolean)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Keys first: for a key that is taken, returns the saga that has it and whether its input was the same, and inserts nothing.
--
-- p_process  the process that starts them                 p_lease    seconds for which the claims made here hold
-- p_redrive  seconds until a saga is redriven             p_waiter   the process to notify of their ends; null: none
-- p_durable  false: the commit does not wait for the disk p_again    an earlier try, whose answer was lost, may have been committed
--
-- The other parameters are columns, as in `commit_batch`: s_ sagas (s_deadline in seconds from now), k_ start keys (k_name: the definition,
-- k_hash: of the input), c_ commands, e_ events, n_ notifications.
declare
    v_taken integer[] := '{}';    -- positions of sagas that are not inserted
    v_present integer[] := '{}';
    v_alive integer[];            -- the processes among c_owner that are alive
    v_is_owner_gone boolean;
begin
    if not p_durable then
        perform set_config('synchronous_commit', 'off', true);
    end if;
    if p_again then
        select coalesce(array_agg(w.n), '{}') into v_present
        from unnest(s_id) with ordinality as w(id, n) join saga s on s.id = w.id;
    end if;
    if cardinality(k_s) > 0 then
        with won as (
            insert into start_key (definition_name, key, saga, input_hash)
            select w.name, w.key, s_id[w.s], w.hash from unnest(k_s, k_name, k_key, k_hash) as w(s, name, key, hash)
            order by w.name, w.key
            on conflict (definition_name, key) do nothing
            returning start_key.saga
        )
        select coalesce(array_agg(w.s), '{}') into v_taken
        from unnest(k_s) as w(s) left join won on won.saga = s_id[w.s] where won.saga is null;
    end if;
    v_taken := v_taken || v_present;
    insert into saga (id, definition, touched_by, waiter, phase, wake_at, deadline, started_at, ended_at, vector, tags, trace, input)
    select s_id[w.n], s_definition[w.n], p_process, p_waiter, s_phase[w.n],
           case when s_phase[w.n] <> 'D' then now() + seconds(least(p_redrive, s_deadline[w.n])) end,
           now() + seconds(s_deadline[w.n]), now(), case when s_phase[w.n] = 'D' then now() end, s_vector[w.n],
           s_tags[w.n]::jsonb, s_trace[w.n], s_input[w.n]
    from generate_series(1, cardinality(s_id)) as w(n)
    where w.n <> all (v_taken);
    -- A command goes to its owner if that process is alive, otherwise to the queue of its service
    select coalesce(array_agg(p.id), '{}') || p_process into v_alive from participant p where p.id = any (c_owner);
    v_is_owner_gone := not array_remove(c_owner, null) <@ v_alive;
    insert into command (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
    select s_id[c_s[w.n]], c_step[w.n], c_op[w.n], c_service[w.n], o.owner, case when o.owner is not null then c_claim[w.n] end, now(),
           case when o.owner is not null then clock_timestamp() + seconds(p_lease) end,
           case when o.owner is not null then 1 else 0 end
    from generate_series(1, cardinality(c_s)) as w(n)
    cross join lateral (select case when c_owner[w.n] = any (v_alive) then c_owner[w.n] end as owner) as o
    where c_s[w.n] <> all (v_taken);
    insert into event (saga, at, version, process, n, step, phase, kind, vector, detail)
    select s_id[e_s[w.n]], now(), 1, p_process, w.n, nullif(e_step[w.n], -1), s_phase[e_s[w.n]], e_kind[w.n], s_vector[e_s[w.n]],
           e_detail[w.n]
    from generate_series(1, cardinality(e_s)) as w(n) where e_s[w.n] <> all (v_taken);
    for i in 1 .. cardinality(n_channel) loop
        continue when n_when[i] = case when p_again or v_is_owner_gone or v_taken <> '{}' then 'w' else 'm' end;
        perform pg_notify(n_channel[i], n_payload[i]);
    end loop;
    if cardinality(v_taken) > 0 then
        return query
        select w.s, k.saga, k.input_hash = w.hash
        from unnest(k_s, k_name, k_key, k_hash) as w(s, name, key, hash)
        join start_key k on k.definition_name = w.name and k.key = w.key
        where w.s = any (v_taken);
    end if;
    if v_is_owner_gone then
        return query select 0, null::uuid, null::boolean;
    end if;
end $$;
comment on function start_batch is
    'Starts sagas; a start key that is taken returns the saga that has it; a row 0: a command was queued because the process that was '
    'to get its claim is gone';

create or replace function start_one(
    p_process integer, p_lease float8, p_redrive float8, p_waiter integer, p_durable boolean,
    s_id uuid, s_definition integer, s_phase "char", s_vector text, s_deadline float8, s_tags text, s_trace text, s_input bytea,
    k_name text, k_key text, k_hash bytea,
    c_step smallint, c_op "char", c_service text, c_owner integer, c_claim bigint,
    e_kind text, e_detail text,
    n_channel text, n_payload text
) returns boolean
language plpgsql set search_path from current set enable_seqscan = off as $$
-- Most starts: one saga with one first step. False: nothing was written and no process notified, since the start key is taken or the
-- process that was to get the claim is gone; `start_batch` then says which. The parameters are those of `start_batch`.
-- k_key null: there is no start key; n_channel null: no process is notified.
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
        s_id, s_definition, p_process, p_waiter, s_phase, now() + seconds(least(p_redrive, s_deadline)),
        now() + seconds(s_deadline), now(), s_vector, s_tags::jsonb, s_trace, s_input
    );
    insert into command (saga, step, op, service, owner, claim, due_at, lease_until, deliveries)
    values (
        s_id, c_step, c_op, c_service, c_owner, case when c_owner is not null then c_claim end, now(),
        case when c_owner is not null then clock_timestamp() + seconds(p_lease) end,
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
