-- Retention, run by the leader. Creating and dropping partitions and deleting history need the rights of the owner: these functions run
-- with them (security definer), so that the role of the participants may only add to history and audit.

create or replace function first_id_at(p_at timestamptz) returns uuid language sql immutable parallel safe as $$
    select (lpad(to_hex(least(281474976710655, greatest(0, floor(extract(epoch from p_at) * 1000)))::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
comment on function first_id_at is 'The smallest UUIDv7 of a moment: sagas started before it have smaller ids';

create or replace function purge_walk(
    p_after uuid, p_older_than float8, p_walk integer, p_limit integer, out last uuid, out visited integer, out purged integer
)
language plpgsql security definer set search_path from current
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Walks over p_walk sagas (at most 20,000) after p_after in the order of their ids, up to the p_limit-th (at most 1,000) that ended more than
-- p_older_than seconds ago, and deletes those. Returns where it stopped; last is null if no older saga is left behind that. A saga that does
-- not end for months costs only the walk over its row.
declare
    v_before timestamptz := now() - seconds(checked_age(p_older_than));
    v_walk integer := least(p_walk, 20000);
    v_limit integer := least(p_limit, 1000);
    v_walked integer;
    v_ended uuid[];
    v_ids uuid[];
begin
    with walked as (
        select s.id, s.ended_at from saga s where s.id > p_after and s.id < first_id_at(v_before) order by s.id limit v_walk
    )
    select (select count(*) from walked), (select w.id from walked w order by w.id desc limit 1),
           array(select w.id from walked w where w.ended_at < v_before order by w.id limit v_limit)
    into v_walked, last, v_ended;
    if cardinality(v_ended) = v_limit then
        last := v_ended[v_limit];
    elsif v_walked < v_walk then
        last := null;
    end if;
    visited := v_walked;
    v_ids := array(select s.id from saga s where s.id = any (v_ended) order by s.id for update of s skip locked);
    if cardinality(v_ids) > 0 then  -- a saga of which a command is locked is left for the next time: nothing waits for a process that hangs
        with free as (select c.saga, c.step from command c where c.saga = any (v_ids) for update skip locked)
        delete from command c using free where c.saga = free.saga and c.step = free.step;
        v_ids := array(select id from unnest(v_ids) as old(id) where not exists (select from command c where c.saga = old.id));
    end if;
    purged := cardinality(v_ids);
    if purged > 0 then
        delete from step where saga = any (v_ids);
        delete from inbox where saga = any (v_ids);
        delete from start_key where saga = any (v_ids);
        delete from event where saga = any (v_ids) and at >= (select min(s.started_at) from saga s where s.id = any (v_ids));
        delete from saga where id = any (v_ids);
    end if;
end $$;
comment on function purge_walk is
    'Deletes finished sagas with their steps, start keys and history, and says where the next call goes on; last null: that was the end';

create or replace function purge_batch(
    p_after uuid, p_older_than float8, p_limit integer, out last uuid, out visited integer, out purged integer
)
language sql set search_path from current as $$
-- For processes of an older build, which look at no more sagas than they may delete.
    select w.last, w.visited, w.purged from purge_walk(p_after, p_older_than, least(p_limit, 1000), least(p_limit, 1000)) as w
$$;
comment on function purge_batch is 'As purge_walk, for processes of an older build';

create or replace function checked_age(p_age float8) returns float8 language plpgsql immutable as $$
begin
    if p_age is null or p_age = 'NaN' or p_age < 0 then
        raise invalid_parameter_value using message = format('%s is not an age: only what is old can be deleted', p_age);
    end if;
    return least(p_age, 1e10);
end $$;
comment on function checked_age is 'Refuses an age that would delete what is recorded now: the role of the participants may call retention';

-- Days are days of UTC, whatever the time zone of the session: each process, and each build, cuts the same ones. A day may already be covered
-- in part by a partition that was cut elsewhere: then it begins where that one ends.

create or replace function event_days(out name text, out begins timestamptz, out ends timestamptz) returns setof record
language sql stable set search_path from current set timezone = 'UTC' set datestyle = 'ISO, YMD' as $$
    select c.relname::text, bounds[1]::timestamptz, bounds[2]::timestamptz
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid
    cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), $x$FROM \('([^']+)'\) TO \('([^']+)'\)$x$) as bounds
    where i.inhparent = 'event'::regclass and c.relname ~ '^event_\d{8}$'
$$;
comment on function event_days is 'The daily partitions of the history';

create or replace function ensure_event_days(p_days integer) returns integer
language plpgsql security definer set search_path from current set plan_cache_mode = force_generic_plan
set lock_timeout = '200ms' set timezone = 'UTC' set datestyle = 'ISO, YMD' as $$
-- A day is made beside the history, and attached: writers of the history do not wait for that, except those of the default partition, which
-- is read under the lock; so no day is attached while it is large. A program that reads the history for long (pg_dump) is not waited for:
-- a later call makes the day. A day of which the default partition has lines stays there. A line of the day itself that is on its way into
-- the default partition would be refused once the day is attached: today comes last, while nobody writes.
declare
    v_day date;
    v_name text;
    v_begins timestamptz;
    v_made integer := 0;
begin
    if pg_relation_size('event_default') > 8 * 1024 * 1024 then
        return 0;
    end if;
    for v_day in select current_date + n from generate_series(least(p_days, 31), 0, -1) as n loop
        v_name := 'event_' || to_char(v_day, 'YYYYMMDD');
        select greatest(v_day, max(d.ends)) into v_begins from event_days() as d where d.begins < v_day + 1;
        continue when v_begins >= v_day + 1 or to_regclass(format('%I.%I', current_schema(), v_name)) is not null
                   or exists (select from event_default e where e.at >= v_begins and e.at < v_day + 1);
        begin
            execute format('create table %I (like event including defaults including constraints)', v_name);
            perform revoke_all(v_name);
            if v_day < now() + interval '1 hour' then
                lock table event in access exclusive mode;
            end if;
            execute format('alter table event attach partition %I for values from (%L) to (%L)',
                           v_name, v_begins, v_day + 1);
            v_made := v_made + 1;
        exception when lock_not_available or check_violation then
            return v_made;
        end;
    end loop;
    return v_made;
end $$;
comment on function ensure_event_days is 'Creates the history partitions for today and up to 31 days ahead; returns how many';

create or replace function revoke_all(p_table text) returns void language plpgsql set search_path from current as $$
declare
    v_role text;
begin
    for v_role in select distinct a.grantee::regrole::text from pg_class c, aclexplode(c.relacl) as a
                  where c.oid = to_regclass(p_table) and a.grantee not in (c.relowner, 0) loop
        execute format('revoke all on %I from %s', p_table, v_role);
    end loop;
end $$;
comment on function revoke_all is 'Takes from all roles what was granted to them in advance on tables that come later';

create or replace function drop_event_days(p_days float8) returns integer
language plpgsql security definer set search_path from current set lock_timeout = '200ms' set timezone = 'UTC' as $$
-- One day a call: every writer waits behind the lock, which lasts until the end of the transaction.
declare
    v_name text;
begin
    select d.name into v_name from event_days() as d
    where d.ends <= now() - seconds(checked_age(p_days) * 86400) order by d.begins limit 1;
    if v_name is null then
        return 0;
    end if;
    execute format('drop table %I', v_name);
    return 1;
end $$;
comment on function drop_event_days is
    'Drops the oldest daily partition of the history if it is older than this many days, and returns 1; to be called until it returns 0';

create or replace function purge_event_default(p_days float8, p_from bigint, out next bigint, out purged integer)
language plpgsql security definer set search_path from current set plan_cache_mode = force_generic_plan as $$
-- Goes through a thousand pages of the table, so that no call reads again what an earlier one has read.
declare
    v_pages bigint := pg_relation_size('event_default') / current_setting('block_size')::bigint;
begin
    delete from event_default e
    where e.ctid >= format('(%s,0)', p_from)::tid and e.ctid < format('(%s,0)', p_from + 1000)::tid
      and e.at < now() - seconds(checked_age(p_days) * 86400);
    get diagnostics purged = row_count;
    next := case when p_from + 1000 < v_pages then p_from + 1000 end;
end $$;
comment on function purge_event_default is
    'Deletes old lines of the history that no daily partition has, page by page from p_from; next null: that was the end';
