-- Waits and timers: parking commands, consuming events, and waking what is parked. `commit_batch` and `start_batch` know nothing of them.
-- Lock order: inbox, saga, command. Waking never waits for a lock, so that it can be in nobody's way.
-- Rows are found by their keys. `is true` and `is not true` keep the planner off the indexes of queued commands and of new events, which are
-- short while a session makes its plans, and have a million entries later.

comment on column command.until is
    'The moment for which it is parked: of a timer, or the end of a wait. It is set once, and moved only by an outage, if it is the end of '
    'a wait; due_at is when a process looks next. Null: none';

create or replace function park(
    p_saga uuid[], p_step smallint[], p_claim bigint[], p_seconds float8[], p_names text[], p_kept boolean[], p_channel text
) returns void
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Stores what commands wait for, one entry each. p_claim: the newest claim that the command must have; null: any. p_seconds: until the moment;
-- p_names: array literals; p_kept: a moment that is stored already stays (G64). p_channel: prefix of the channels of the namespace.
-- A moment counts from the clock, not from now(): the transaction is as old as the handler of the transactional step that it commits.
declare
    v_services text[];
begin
    update command c
    set until = coalesce(case when p_kept[w.n] then c.until end, clock_timestamp() + seconds(p_seconds[w.n])),
        awaits = nullif(p_names[w.n]::text[], '{}')
    from generate_series(1, cardinality(p_saga)) as w(n)
    where c.saga = p_saga[w.n] and c.step = p_step[w.n] and (p_claim[w.n] is null or c.claim = p_claim[w.n]);
    -- G60: in a statement of its own, which sees what was sent before the rows were locked
    with due as (
        update command c set due_at = now() from generate_series(1, cardinality(p_saga)) as w(n)
        where c.saga = p_saga[w.n] and c.step = p_step[w.n]
          and (c.owner is null and c.due_at > now() and c.due_at <> 'infinity') is true and c.awaits is not null
          and exists (select from inbox i where i.saga = c.saga and i.consumed_by is null and i.name = any (c.awaits))
        returning c.service
    )
    select array_agg(distinct due.service) into v_services from due;
    perform pg_notify(left(p_channel || 's_' || service, 63), '') from unnest(v_services) as service;  -- as in announce/channels.py
end $$;
comment on function park is 'Stores what commands wait for; one for which an event is there is due at once';

create or replace function commit_waits(
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
    n_channel text[], n_payload text[], n_when "char"[],
    w_s integer[], w_step smallint[], w_claim bigint[], w_seconds float8[], w_names text[], w_kept boolean[],
    i_s integer[], i_step smallint[], i_event text[],
    p_channel text
) returns table (conflict write_conflict, is_event_gone boolean)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- `commit_batch` with w_ what commands wait for (see `park`) and i_ the events that become the outcomes of steps. An event that is gone
-- makes a write conflict of its saga (G55), also if two steps of the batch name it (G56); the others are written.
declare
    v_consumed integer[] := '{}';  -- positions of the events that are consumed here (G57)
    v_gone integer[] := '{}';      -- positions of the sagas of which an event is gone
    v_missed integer[] := '{}';    -- positions of the sagas that are not written
    v_conflict write_conflict;
    v_n integer;
begin
    if cardinality(i_s) > 0 then
        perform 1 from generate_series(1, cardinality(i_s)) as w(n)
        join inbox i on i.saga = s_id[i_s[w.n]] and i.id = i_event[w.n] order by i.saga, i.id for no key update of i;
        with consumed as (
            update inbox i set consumed_by = i_step[w.n] from generate_series(1, cardinality(i_s)) as w(n)
            where i.saga = s_id[i_s[w.n]] and i.id = i_event[w.n] and i.consumed_by is null returning w.n
        )
        select coalesce(array_agg(consumed.n), '{}') into v_consumed from consumed;
        for v_n in select distinct i_s[w.n] from generate_series(1, cardinality(i_s)) as w(n) where w.n <> all (v_consumed) loop
            v_gone := v_gone || v_n;
            s_version[v_n] := -1;  -- no saga has this version
            s_changed[v_n] := true;
        end loop;
    end if;
    if cardinality(w_s) > 0 then  -- a row that is inserted here cannot be seen by `wake_sagas`, which looks for this lock instead
        perform 1 from saga s where s.id = any (
            select s_id[w.n] from generate_series(1, cardinality(s_id)) as w(n)
            where not s_changed[w.n] and w.n = any (w_s) and w.n = any (c_s)
        ) order by s.id for key share;
    end if;
    for v_conflict in select * from commit_batch(
        p_process, p_lease, p_wait, p_durable, p_careful,
        s_id, s_version, s_changed, s_phase, s_vector, s_rollback, s_paused, s_deadline, s_reason, s_wake,
        f_s, f_step, f_claim, d_s, d_step, d_claim, t_s, t_step, t_claim, t_after, t_quiet, t_failures, t_isolated, t_error,
        c_s, c_step, c_op, c_service, c_owner, c_claim, c_after, r_s, r_step, r_attempts, r_result, e_s, e_step, e_kind, e_detail,
        n_channel, n_payload, n_when
    ) loop
        v_missed := v_missed || v_conflict.n;
        conflict := v_conflict;
        is_event_gone := v_conflict.n = any (v_gone);
        return next;
    end loop;
    if cardinality(v_consumed) > 0 and v_missed <> '{}' then
        update inbox i set consumed_by = null from unnest(v_consumed) as w(n)
        where i_s[w.n] = any (v_missed) and i.saga = s_id[i_s[w.n]] and i.id = i_event[w.n];
    end if;
    if cardinality(w_s) > 0 then
        perform park(
            array(select case when w.s <> all (v_missed) then s_id[w.s] end from unnest(w_s) with ordinality as w(s, n) order by w.n),
            w_step, w_claim, w_seconds, w_names, w_kept, p_channel
        );
    end if;
end $$;
comment on function commit_waits is 'As commit_batch, for outcomes that are events, and commands that wait for them';

create or replace function start_waits(
    p_process integer, p_lease float8, p_redrive float8, p_waiter integer, p_durable boolean, p_again boolean,
    s_id uuid[], s_definition integer[], s_phase "char"[], s_vector text[], s_deadline float8[], s_tags text[], s_trace text[],
    s_input bytea[],
    k_s integer[], k_name text[], k_key text[], k_hash bytea[],
    c_s integer[], c_step smallint[], c_op "char"[], c_service text[], c_owner integer[], c_claim bigint[],
    e_s integer[], e_step smallint[], e_kind text[], e_detail text[],
    n_channel text[], n_payload text[], n_when "char"[],
    w_s integer[], w_step smallint[], w_claim bigint[], w_seconds float8[], w_names text[], w_kept boolean[],
    p_channel text
) returns table (n integer, saga uuid, is_same boolean)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
begin
    return query select b.n, b.saga, b.is_same from start_batch(
        p_process, p_lease, p_redrive, p_waiter, p_durable, p_again,
        s_id, s_definition, s_phase, s_vector, s_deadline, s_tags, s_trace, s_input, k_s, k_name, k_key, k_hash,
        c_s, c_step, c_op, c_service, c_owner, c_claim, e_s, e_step, e_kind, e_detail, n_channel, n_payload, n_when
    ) as b;
    perform park(
        array(select s_id[w.s] from unnest(w_s) with ordinality as w(s, n) order by w.n),
        w_step, w_claim, w_seconds, w_names, w_kept, p_channel
    );
end $$;
comment on function start_waits is 'As start_batch, with what the first commands wait for';

create or replace function send_events(p_saga uuid[], p_id text[], p_name text[], p_payload bytea[]) returns text[]
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Returns the name of a `Receipt` for each event. Locks no row of the sagas: nobody waits for the senders' transaction. What
-- completes a step, as its $ says, is kept however many there are.
declare
    v_saga uuid[];  -- of the events that are kept now, as v_id
    v_id text[];
    v_events_max constant integer := 1000;         -- as EVENTS_MAX and EVENTS_BYTES_MAX in saga/ports/inbox.py
    v_bytes_max constant bigint := 16 * 1024 * 1024;
begin
    with kept as (
        insert into inbox (saga, id, name, payload)
        select distinct on (w.saga, w.id) w.saga, w.id, w.name, w.payload
        from unnest(p_saga, p_id, p_name, p_payload) with ordinality as w(saga, id, name, payload, n)
        join saga s on s.id = w.saga and not is_terminal(s.phase)
        cross join lateral (
            select count(*) as events, coalesce(sum(octet_length(i.payload)), 0) as bytes from inbox i where i.saga = w.saga
        ) as before
        where w.name like '$%' or (before.events < v_events_max and before.bytes + octet_length(w.payload) <= v_bytes_max)
        order by w.saga, w.id, w.n  -- so that no two senders wait for each other
        on conflict (saga, id) do nothing returning saga, id
    )
    select array_agg(kept.saga), array_agg(kept.id) into v_saga, v_id from kept;
    if cardinality(v_saga) = cardinality(p_saga) then
        return array_fill('KEPT'::text, array[cardinality(p_saga)]);
    end if;
    return array(
        select case when i.id is null and s.id is null then 'NO_SAGA' when i.id is null and is_terminal(s.phase) then 'ENDED'
                    when i.id is null then 'FULL'
                    when (w.saga, w.id) in (select * from unnest(v_saga, v_id))
                         and w.n = min(w.n) over (partition by w.saga, w.id) then 'KEPT'
                    when (i.name, i.payload) = (w.name, w.payload) then 'REPEATED' else 'DIFFERENT' end
        from unnest(p_saga, p_id, p_name, p_payload) with ordinality as w(saga, id, name, payload, n)
        left join inbox i on i.saga = w.saga and i.id = w.id
        left join saga s on s.id = w.saga order by w.n
    );
end $$;
comment on function send_events is 'E15s: keeps events for sagas; wake_sagas is to be called after the commit (G61)';

create or replace function wake_sagas(p_saga uuid[], p_channel text) returns void
language plpgsql security definer set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- A transaction that parks a command at this moment has perhaps looked into the inbox before the event was there. Such a transaction holds the
-- row of the command, or of the saga if it inserts the command. Then the event stays as it is, and is looked at again within a second.
-- The command of a transactional step is locked for as long as its handler runs, and waits for no event.
declare
    v_saga uuid[];    -- of the new events, as v_id
    v_id text[];
    v_locked uuid[];  -- the sagas of which this transaction holds the row
    v_of uuid[];      -- of the commands that wait for one of the events, or are perhaps being parked, as v_step
    v_step smallint[];
    v_free integer[];  -- positions of those of which it holds the row
    v_services text[];
begin
    perform set_config('synchronous_commit', 'off', true);  -- what a crash loses is woken again
    select array_agg(fresh.saga), array_agg(fresh.id) into v_saga, v_id from (
        select i.saga, i.id from inbox i where i.saga = any (p_saga) and i.is_woken is not true for no key update skip locked
    ) as fresh;
    if v_saga is null then
        return;
    end if;
    select coalesce(array_agg(s.id), '{}') into v_locked from (
        select s.id from saga s where s.id = any (v_saga) order by s.id for update skip locked
    ) as s;
    if not v_saga <@ v_locked then  -- sent while the saga was purged, or its row is locked
        delete from inbox i using unnest(v_saga, v_id) as w(saga, id)
        where i.saga = w.saga and i.id = w.id and not exists (select from saga s where s.id = w.saga);
    end if;
    select array_agg(c.saga), array_agg(c.step) into v_of, v_step from saga s
    join definition_step d on d.definition = s.definition and d.mode <> 'T'
    join command c on c.saga = s.id and c.step = d.step
    where s.id = any (v_locked) and (c.owner is not null or exists (
        select from inbox i where i.saga = c.saga and i.is_woken is not true and i.consumed_by is null and i.name = any (c.awaits)
    ));
    select coalesce(array_agg(free.n), '{}') into v_free from (
        select w.n from generate_series(1, cardinality(v_of)) as w(n)
        join command c on c.saga = v_of[w.n] and c.step = v_step[w.n] for no key update of c skip locked
    ) as free;
    with due as (
        update command c set due_at = now() from unnest(v_free) as w(n)
        where c.saga = v_of[w.n] and c.step = v_step[w.n] and (c.owner is null and c.due_at > now() and c.due_at <> 'infinity') is true
          and exists (
              select from inbox i where i.saga = c.saga and i.is_woken is not true and i.consumed_by is null and i.name = any (c.awaits)
          )
        returning c.service
    )
    select array_agg(distinct due.service) into v_services from due;
    perform pg_notify(left(p_channel || 's_' || service, 63), '') from unnest(v_services) as service;  -- as in announce/channels.py
    update inbox i set is_woken = true from unnest(v_saga, v_id) as w(saga, id)
    where i.saga = w.saga and i.id = w.id and w.saga = any (v_locked)
      and w.saga not in (select v_of[w.n] from generate_series(1, cardinality(v_of)) as w(n) where w.n <> all (v_free));
end $$;
comment on function wake_sagas is 'G62: makes due what is parked for the new events of sagas, and notifies their services';

create or replace function wake_overlooked(p_channel text) returns integer
language plpgsql security definer set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off set enable_bitmapscan = off as $$
-- Events whose sender died before it woke their saga, or sent them in a transaction of its own. Most often there are none.
declare
    v_sagas uuid[] := array(
        select distinct fresh.saga from (select i.saga from inbox i where not i.is_woken order by i.sequence limit 1000) as fresh
    );
begin
    perform wake_sagas(v_sagas, p_channel);
    return cardinality(v_sagas);
end $$;
comment on function wake_overlooked is 'Wakes up to 1,000 sagas of which nobody has woken what is parked for their newest events';

create or replace function extend_timeouts(
    p_saga uuid, p_step smallint, p_seconds float8, p_walk integer, out saga uuid, out step smallint, out extended integer
)
language plpgsql set search_path from current set plan_cache_mode = force_generic_plan
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Walks over p_walk commands after p_saga and p_step in the order of their keys: an index on until would cost more for each wait than this
-- walk after an outage. Returns where it stopped; saga is null if that was the end. A command that waits for no event is a timer, and stays.
declare
    v_walked integer; v_saga uuid[]; v_step smallint[];
begin
    with walked as (
        select c.saga, c.step, c.awaits is not null and c.until <= now() as is_late from command c
        where (c.saga, c.step) > (p_saga, p_step) order by c.saga, c.step limit p_walk
    )
    select (select count(*) from walked), (select w.saga from walked w order by w.saga desc, w.step desc limit 1),
           (select w.step from walked w order by w.saga desc, w.step desc limit 1),
           array(select w.saga from walked w where w.is_late order by w.saga, w.step),
           array(select w.step from walked w where w.is_late order by w.saga, w.step)
    into v_walked, saga, step, v_saga, v_step;
    saga := case when v_walked = p_walk then saga end;
    with free as (
        select c.saga, c.step from unnest(v_saga, v_step) as late(saga, step)
        join command c on c.saga = late.saga and c.step = late.step
        where c.awaits is not null and c.until <= now() for no key update of c skip locked
    )
    update command c set until = now() + seconds(p_seconds) from free where c.saga = free.saga and c.step = free.step;
    get diagnostics extended = row_count;
end $$;
comment on function extend_timeouts is 'Moves timeouts that have passed, after an outage, and says where the next call goes on; saga null: that was the end';

create or replace function completion_key() returns bytea
language sql stable security definer set search_path from current as $$
    select sha256(s.key || convert_to('completion', 'UTF8')) from secret s where s.name = 'notifications'
$$;
comment on function completion_key is
    'The key of the tokens with which steps are completed from outside, also for roles that may not read the keys of the processes';
