-- Retention, run by the leader. Creating and dropping partitions and deleting history need the rights of the owner: these functions run
-- with them (security definer), so that the role of the participants may only add to history and audit.

create or replace function first_id_at(p_at timestamptz) returns uuid language sql immutable parallel safe as $$
    select (lpad(to_hex(greatest(0, floor(extract(epoch from p_at) * 1000))::bigint), 12, '0') || repeat('0', 20))::uuid
$$;
comment on function first_id_at is 'The smallest UUIDv7 of a moment: sagas started before it have smaller ids';

create or replace function purge_batch(
    p_after uuid, p_older_than float8, p_limit integer, out last uuid, out visited integer, out purged integer
)
language plpgsql security definer set search_path from current
set enable_hashjoin = off set enable_mergejoin = off set enable_seqscan = off as $$
-- Visits p_limit sagas after p_after in the order of their ids, deletes those that ended more than p_older_than seconds ago, and returns
-- the last id visited, after which the next call continues.
declare
    v_before timestamptz := now() - make_interval(secs => p_older_than);
    v_ids uuid[];
begin
    with walked as (
        select s.id, s.ended_at from saga s where s.id > p_after and s.id < first_id_at(v_before) order by s.id limit p_limit
    ), old as (
        select s.id from saga s join walked w on w.id = s.id where w.ended_at < v_before order by s.id for update of s skip locked
    )
    select (select w.id from walked w order by w.id desc limit 1), (select count(*) from walked), (select array_agg(o.id) from old o)
    into last, visited, v_ids;
    purged := coalesce(cardinality(v_ids), 0);
    if purged > 0 then
        delete from command where saga = any (v_ids);
        delete from step where saga = any (v_ids);
        delete from start_key where saga = any (v_ids);
        delete from event where saga = any (v_ids) and at >= (select min(s.started_at) from saga s where s.id = any (v_ids));
        delete from saga where id = any (v_ids);
    end if;
end $$;
comment on function purge_batch is 'Deletes finished sagas with their steps, start keys and history';

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
set timezone = 'UTC' set datestyle = 'ISO, YMD' as $$
declare
    v_day date;
    v_name text;
    v_begins timestamptz;
    v_made integer := 0;
begin
    for v_day in select generate_series(current_date, current_date + p_days, interval '1 day')::date loop
        v_name := 'event_' || to_char(v_day, 'YYYYMMDD');
        select greatest(v_day, max(d.ends)) into v_begins from event_days() as d where d.begins < v_day + 1;
        if v_begins < v_day + 1 and to_regclass(format('%I.%I', current_schema(), v_name)) is null
           and not exists (select from event_default e where e.at >= v_begins and e.at < v_day + 1) then
            execute format('create table %I partition of event for values from (%L) to (%L)', v_name, v_begins, v_day + 1);
            v_made := v_made + 1;
        end if;
    end loop;
    return v_made;
end $$;
comment on function ensure_event_days is 'Creates the history partitions for today and the days ahead, in UTC';

create or replace function drop_event_days(p_days float8) returns integer
language plpgsql security definer set search_path from current as $$
declare
    v_before timestamptz := now() - make_interval(secs => p_days * 86400);
    v_name text;
    v_dropped integer := 0;
begin
    perform set_config('lock_timeout', '200ms', true);  -- every writer waits behind this one: better to try again later
    for v_name in select d.name from event_days() as d where d.ends <= v_before order by d.name loop
        execute format('drop table %I', v_name);
        v_dropped := v_dropped + 1;
    end loop;
    delete from event_default where at < v_before;
    return v_dropped;
end $$;
comment on function drop_event_days is 'Drops the daily history partitions that are older than this many days';
