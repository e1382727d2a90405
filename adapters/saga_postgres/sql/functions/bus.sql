-- The Postgres bus: publishing, delivering and acknowledging messages.

create or replace function bus_ensure(p_topics text[], p_group text) returns void
language plpgsql set search_path from current as $$
begin
    insert into bus_group (topic, name) select distinct t, p_group from unnest(p_topics) as t order by 1 on conflict do nothing;
    update bus_message set group_name = p_group where group_name = '' and topic = any (p_topics);
end $$;
comment on function bus_ensure is 'Creates a group for topics; the first group of a topic gets what was published before';

create or replace function bus_publish(
    p_topics text[], p_keys bytea[], p_bodies bytea[], p_headers jsonb[], p_channel text, p_payload text
) returns void
language plpgsql set search_path from current as $$
begin
    insert into bus_message (topic, group_name, key, body, headers)
    select m.topic, coalesce(g.name, ''), m.key, m.body, m.headers
    from unnest(p_topics, p_keys, p_bodies, p_headers) with ordinality as m(topic, key, body, headers, n)
    left join bus_group g on g.topic = m.topic
    order by m.n;
    perform pg_notify(p_channel, p_payload);
end $$;
comment on function bus_publish is 'Inserts each message once per group of its topic, and notifies members once';

-- If a crash of the server loses a delivery or an acknowledgement, the message is delivered again: neither waits for the disk.

create or replace function bus_take(p_topics text[], p_group text, p_member integer, p_limit integer, p_lease float8)
returns table (id bigint, topic text, key bytea, body bytea, headers jsonb)
language plpgsql set search_path from current
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    return query
    with ready as (
        select picked.id from unnest(p_topics) as wanted(topic)
        cross join lateral (
            select m.id from bus_message m
            where m.group_name = p_group and m.topic = wanted.topic and m.visible_at <= statement_timestamp()
            order by m.topic, m.id limit p_limit for no key update skip locked  -- by topic too: this uses the index of the queue, not the primary key
        ) as picked
        limit p_limit
    )
    update bus_message m set member = p_member, visible_at = statement_timestamp() + seconds(p_lease)
    from ready where m.id = ready.id
    returning m.id, m.topic, m.key, m.body, m.headers;
end $$;
comment on function bus_take is 'Delivers messages to a member, which has them for the time of a lease';

create or replace function bus_ack(p_ids bigint[]) returns void
language plpgsql set search_path from current as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    delete from bus_message m using (
        select b.id from bus_message b where b.id = any (p_ids) order by b.id for update
    ) as held where m.id = held.id;
end $$;
comment on function bus_ack is 'Deletes messages that a group has acknowledged';

create or replace function bus_return(p_members integer[], p_group text) returns integer
language plpgsql set search_path from current as $$
declare
    v_returned integer;
begin
    update bus_message m set member = null, visible_at = statement_timestamp()
    where m.id = any (array(
        select b.id from bus_message b
        where b.group_name = p_group and b.member = any (p_members) order by b.id for no key update skip locked
    ));
    get diagnostics v_returned = row_count;
    return v_returned;
end $$;
comment on function bus_return is 'Makes the unacknowledged messages of members deliverable again; returns how many';

create or replace function bus_leave(p_member integer, p_group text, p_channel text) returns void
language plpgsql set search_path from current as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    delete from bus_member where id = p_member;
    if bus_return(array[p_member], p_group) > 0 then
        perform pg_notify(p_channel, '');
    end if;
end $$;
comment on function bus_leave is 'Removes a member that shuts down in good order';

create or replace function bus_tidy(p_member integer, p_lock integer, p_group text, p_kept float8, p_limit integer) returns integer
language plpgsql set search_path from current as $$
-- p_lock: class of the advisory locks of members; p_kept: seconds after which an unacknowledged message is deleted
declare
    v_dead integer[];
    v_returned integer := 0;
begin
    perform set_config('synchronous_commit', 'off', true);
    select array_agg(m.id) into v_dead from bus_member m
    where m.group_name = p_group and m.id <> p_member and pg_try_advisory_xact_lock(p_lock, m.id);
    if v_dead is not null then
        delete from bus_member m where m.id = any (v_dead);
        v_returned := bus_return(v_dead, p_group);
    end if;
    with oldest as (select b.id, b.published_at from bus_message b order by b.id limit p_limit for update skip locked)
    delete from bus_message m using oldest
    where m.id = oldest.id and oldest.published_at < now() - seconds(p_kept);
    return v_returned;
end $$;
comment on function bus_tidy is
    'Returns the messages of dead members, and deletes messages that were not acknowledged for too long; returns how many came back';
