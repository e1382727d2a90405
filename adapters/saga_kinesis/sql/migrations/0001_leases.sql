-- The agreement of the readers of Kinesis streams: the owner and the progress of each shard. One schema for each namespace, beside
-- the saga tables or in a database of its own. Everything is conditional: a reader that lost a lease changes nothing any more.

create table lease (
    group_name  text    not null,
    stream      text    not null,
    incarnation bigint  not null,
    shard       text    not null,
    parents     text[]  not null,
    owner       uuid,
    term        bigint  not null default 0,
    beat        bigint  not null default 0,
    checkpoint  numeric,
    beyond      text    not null default '',
    finished_at timestamptz,
    primary key (group_name, stream, incarnation, shard)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
comment on table lease is 'One row for each shard and consumer group: its owner, and its progress';
comment on column lease.incarnation is
    'When the stream was created, in milliseconds: a stream that was created again under its name starts afresh';
comment on column lease.parents is
    'The shards that this one was split off or merged from; it is read when all of them are finished';
comment on column lease.term is 'Grows by one with each new owner: saving is conditional on it';
comment on column lease.beat is
    'Grows while the owner is alive. Observers judge its death by their own clocks';
comment on column lease.checkpoint is 'Sequence number up to which everything is acknowledged; null: nothing yet';
comment on column lease.beyond is
    'Sequence numbers that were acknowledged beyond the checkpoint, with commas between them';

create table reader (
    group_name text   not null,
    stream     text   not null,
    id         uuid   not null,
    name       text   not null,
    beat       bigint not null default 0,
    seen_at    timestamptz not null default now(),
    primary key (group_name, stream, id)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);
comment on table reader is 'The readers that share the shards of a stream within a group; `name` is host and process, for operators';

create table parcel (
    id        bigint generated always as identity primary key,
    body      bytea not null,
    expire_at timestamptz not null
);
create index parcel_expire_at on parcel (expire_at);
comment on table parcel is
    'Bodies that no Kinesis record can hold; they are kept as long as the stream keeps their records';

-- Shards that exist get a row, those that Kinesis has forgotten are finished, and what is left of older streams of the name goes.
create function lease_sync(p_group text, p_stream text, p_incarnation bigint, p_shards text[], p_first text[], p_second text[])
returns setof text language plpgsql set search_path from current as $$
begin
    delete from lease l where l.group_name = p_group and l.stream = p_stream and l.incarnation < p_incarnation;
    insert into lease (group_name, stream, incarnation, shard, parents)
    select p_group, p_stream, p_incarnation, s.shard, array_remove(array[s.a, s.b], null)
    from unnest(p_shards, p_first, p_second) as s(shard, a, b) order by s.shard
    on conflict do nothing;
    delete from lease l
    where l.group_name = p_group and l.stream = p_stream and l.incarnation = p_incarnation
      and l.shard <> all (p_shards) and l.finished_at is not null;
    return query
    update lease l set finished_at = now(), owner = null, term = term + 1
    where l.group_name = p_group and l.stream = p_stream and l.incarnation = p_incarnation
      and l.shard <> all (p_shards) and l.finished_at is null
    returning l.shard;
end $$;
comment on function lease_sync is
    'Stores the list of shards; returns those that Kinesis forgot before they were read to their end';

create function lease_beat(p_group text, p_stream text, p_incarnation bigint, p_reader uuid, p_name text, p_shards text[], p_terms bigint[])
returns setof lease language plpgsql set search_path from current as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    insert into reader (group_name, stream, id, name) values (p_group, p_stream, p_reader, p_name)
    on conflict (group_name, stream, id) do update set beat = reader.beat + 1, seen_at = now();
    update lease l set beat = l.beat + 1
    from (
        select b.group_name, b.stream, b.incarnation, b.shard from lease b
        join unnest(p_shards, p_terms) as held(shard, term) on held.shard = b.shard and held.term = b.term
        where b.group_name = p_group and b.stream = p_stream and b.incarnation = p_incarnation and b.owner = p_reader
        order by b.shard for no key update of b
    ) as mine
    where l.group_name = mine.group_name and l.stream = mine.stream and l.incarnation = mine.incarnation and l.shard = mine.shard;
    return query
    select * from lease l where l.group_name = p_group and l.stream = p_stream and l.incarnation = p_incarnation order by l.shard;
end $$;
comment on function lease_beat is
    'Records the heartbeat of a reader and of its leases; returns all leases of the stream';

-- Only from the state that was looked at, and only when every parent is finished.
create function lease_take(p_group text, p_stream text, p_incarnation bigint, p_reader uuid, p_shard text, p_term bigint, p_beat bigint)
returns setof lease language sql set search_path from current as $$
    update lease l set owner = p_reader, term = l.term + 1, beat = l.beat + 1
    where l.group_name = p_group and l.stream = p_stream and l.incarnation = p_incarnation and l.shard = p_shard
      and l.term = p_term and l.beat = p_beat and l.finished_at is null
      and not exists (
        select from lease p
        where p.group_name = p_group and p.stream = p_stream and p.incarnation = p_incarnation
          and p.shard = any (l.parents) and p.finished_at is null)
    returning l.*;
$$;
comment on function lease_take is
    'Makes a reader the owner of a shard that is free or whose owner is dead; no row: another reader was faster';

create function lease_save(
    p_group text, p_stream text, p_incarnation bigint, p_reader uuid,
    p_shards text[], p_terms bigint[], p_checkpoints text[], p_beyond text[], p_finished boolean[], p_released boolean[]
) returns setof text language plpgsql set search_path from current as $$
begin
    perform set_config('synchronous_commit', 'off', true);
    return query
    update lease l set
        checkpoint = coalesce(said.checkpoint, l.checkpoint),
        beyond = said.beyond,
        beat = l.beat + 1,
        owner = case when said.finished or said.released then null else l.owner end,
        term = case when said.finished or said.released then l.term + 1 else l.term end,
        finished_at = case when said.finished then now() end
    from (
        select b.shard, news.checkpoint::numeric as checkpoint, news.beyond, news.finished, news.released from lease b
        join unnest(p_shards, p_terms, p_checkpoints, p_beyond, p_finished, p_released)
          as news(shard, term, checkpoint, beyond, finished, released) on news.shard = b.shard and news.term = b.term
        where b.group_name = p_group and b.stream = p_stream and b.incarnation = p_incarnation and b.owner = p_reader
          and b.finished_at is null
          and (b.checkpoint is null or news.checkpoint::numeric >= b.checkpoint)
        order by b.shard for no key update of b
    ) as said
    where l.group_name = p_group and l.stream = p_stream and l.incarnation = p_incarnation and l.shard = said.shard
    returning l.shard;
end $$;
comment on function lease_save is
    'Saves the progress of the owner, never backwards; returns the shards that it still owns, or did until now';

create function reader_leave(p_group text, p_stream text, p_reader uuid, p_beat bigint) returns void
language sql set search_path from current as $$
    delete from reader r where r.group_name = p_group and r.stream = p_stream and r.id = p_reader and r.beat = coalesce(p_beat, r.beat);
$$;
comment on function reader_leave is 'Removes a reader that leaves, or that others found dead at this heartbeat';

create function parcel_put(p_body bytea, p_seconds float8) returns bigint language plpgsql set search_path from current as $$
declare
    v_id bigint;
begin
    delete from parcel p where p.id in (
        select o.id from parcel o where o.expire_at < now() order by o.expire_at limit 100 for update skip locked);
    insert into parcel (body, expire_at) values (p_body, now() + make_interval(secs => p_seconds)) returning id into v_id;
    return v_id;
end $$;
comment on function parcel_put is 'Stores a body until its record expires';
