-- The Postgres bus, for a database that need not be the store's: the same migrations make it there. One row per message and group;
-- a row that is there has not been acknowledged. No index has a column that a delivery changes, so that deliveries are HOT updates.

create table bus_group (
    topic text not null,
    name  text not null,
    primary key (topic, name)
);
comment on table bus_group is 'Which consumer groups get the messages of a topic';

create sequence bus_member_id as integer;
create table bus_member (
    id         integer primary key,
    group_name text not null,
    joined_at  timestamptz not null default now()
);
comment on table bus_member is 'Subscribers. Each holds a session advisory lock on its id; who finds the lock free knows that it is gone.';

create table bus_message (
    id           bigint generated always as identity primary key,
    topic        text not null,
    group_name   text not null,
    member       integer,
    visible_at   timestamptz not null default now(),
    published_at timestamptz not null default now(),
    key          bytea not null,
    body         bytea not null,
    headers      jsonb
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
create index bus_message_queue on bus_message (group_name, topic, id);
comment on table bus_message is 'Messages that a group has not acknowledged yet';
comment on column bus_message.group_name is 'Empty: published before the topic had a group; the first group takes it over';
comment on column bus_message.member is 'Who has it in hand until visible_at';
comment on column bus_message.headers is 'Text beside the body, an object of strings; null: none';

create function bus_ensure(p_topics text[], p_group text) returns void language plpgsql set search_path from current as $$
begin
    insert into bus_group (topic, name) select distinct t, p_group from unnest(p_topics) as t order by 1 on conflict do nothing;
    update bus_message set group_name = p_group where group_name = '' and topic = any (p_topics);
end $$;
comment on function bus_ensure is 'Makes a group exist for topics; it takes over what was published before there was any';

create function bus_publish(p_topics text[], p_keys bytea[], p_bodies bytea[], p_headers jsonb[], p_channel text, p_payload text) returns void
language plpgsql set search_path from current as $$
begin
    insert into bus_message (topic, group_name, key, body, headers)
    select m.topic, coalesce(g.name, ''), m.key, m.body, m.headers
    from unnest(p_topics, p_keys, p_bodies, p_headers) with ordinality as m(topic, key, body, headers, n)
    left join bus_group g on g.topic = m.topic
    order by m.n;
    perform pg_notify(p_channel, p_payload);
end $$;
comment on function bus_publish is 'One row for each group of each message, and one notification';

-- An acknowledgement or a delivery that a crash of the server forgets is repeated: neither waits for the disk.
create function bus_take(p_topics text[], p_group text, p_member integer, p_limit integer, p_lease float8)
returns table (id bigint, topic text, key bytea, body bytea, headers jsonb)
language plpgsql set search_path from current set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    return query
    with ready as (
        select picked.id from unnest(p_topics) as wanted(topic)
        cross join lateral (
            select m.id from bus_message m
            where m.group_name = p_group and m.topic = wanted.topic and m.visible_at <= statement_timestamp()
            order by m.topic, m.id limit p_limit for no key update skip locked  -- by topic too: the queue's index, not the primary key
        ) as picked
        limit p_limit
    )
    update bus_message m set member = p_member, visible_at = statement_timestamp() + make_interval(secs => p_lease)
    from ready where m.id = ready.id
    returning m.id, m.topic, m.key, m.body, m.headers;
end $$;
comment on function bus_take is 'Hands messages to a member, for the time of a lease';

create function bus_ack(p_ids bigint[]) returns void language plpgsql set search_path from current as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    delete from bus_message m using (
        select b.id from bus_message b where b.id = any (p_ids) order by b.id for update
    ) as held where m.id = held.id;
end $$;
comment on function bus_ack is 'Forgets messages that a group has received';

-- What members had in hand comes again at once.
create function bus_return(p_members integer[], p_group text) returns integer language plpgsql set search_path from current as $$
declare
    v_back integer;
begin
    update bus_message m set member = null, visible_at = statement_timestamp()
    where m.id = any (array(
        select b.id from bus_message b where b.group_name = p_group and b.member = any (p_members) order by b.id for no key update skip locked
    ));
    get diagnostics v_back = row_count;
    return v_back;
end $$;
comment on function bus_return is 'Takes messages out of the hands of members';

create function bus_leave(p_member integer, p_group text, p_channel text) returns void language plpgsql set search_path from current as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    delete from bus_member where id = p_member;
    if bus_return(array[p_member], p_group) > 0 then
        perform pg_notify(p_channel, '');
    end if;
end $$;
comment on function bus_leave is 'A member goes in good order';

create function bus_tidy(p_member integer, p_lock integer, p_group text, p_kept float8, p_limit integer) returns integer
language plpgsql set search_path from current as $$
declare
    v_dead integer[];
    v_back integer := 0;
begin
    perform set_config('synchronous_commit', 'off', true);
    select array_agg(m.id) into v_dead from bus_member m
    where m.group_name = p_group and m.id <> p_member and pg_try_advisory_xact_lock(p_lock, m.id);
    if v_dead is not null then
        delete from bus_member m where m.id = any (v_dead);
        v_back := bus_return(v_dead, p_group);
    end if;
    with oldest as (select b.id, b.published_at from bus_message b order by b.id limit p_limit for update skip locked)
    delete from bus_message m using oldest
    where m.id = oldest.id and oldest.published_at < now() - make_interval(secs => p_kept);
    return v_back;
end $$;
comment on function bus_tidy is 'Returns what dead members had in hand, and forgets messages that nobody fetched for too long';
