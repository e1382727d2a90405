-- The Postgres bus. Its database need not be the store's: the same migrations create its tables there. One row per message and group, until
-- the group acknowledges it. No index has a column that a delivery changes, so that deliveries are HOT updates.

create table bus_group (
    topic text not null,
    name  text not null,
    primary key (topic, name)
);
comment on table bus_group is 'The consumer groups that get the messages of a topic';

create sequence bus_member_id as integer;
create table bus_member (
    id         integer primary key,
    group_name text not null,
    joined_at  timestamptz not null default now()
);
comment on table bus_member is 'Subscribers. Each holds a session advisory lock on its id: if the lock is free, the subscriber is gone.';

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
) with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);
create index bus_message_queue on bus_message (group_name, topic, id);
comment on table bus_message is 'Messages that a group has not acknowledged';
comment on column bus_message.group_name is 'Empty: published before the topic had a group; it goes to the first one';
comment on column bus_message.member is 'The member to which it was delivered; until visible_at nobody else gets it';
comment on column bus_message.headers is 'An object of strings; null: there are none';
