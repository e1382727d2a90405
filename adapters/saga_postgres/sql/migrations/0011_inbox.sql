-- runs with builds from: 2
-- Events that are sent to sagas, and what commands wait for: a moment, events, or both. A migration of a running fleet: the new columns have
-- no values, so that no row is written again.
create table inbox (
    saga        uuid not null,
    sequence    bigint generated always as identity,
    at          timestamptz not null default clock_timestamp(),
    consumed_by smallint,
    is_woken    boolean not null default false,
    id          text not null,
    name        text not null,
    payload     bytea not null,
    primary key (saga, id)
) with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);
-- Looked at by one process of the fleet each second. It has the few events that were sent just now.
create index inbox_unwoken on inbox (sequence) where not is_woken;
do $$
begin
    if exists (select from pg_settings where name = 'default_toast_compression' and 'lz4' = any (enumvals)) then
        alter table inbox alter column payload set compression lz4;
    end if;
end $$;
comment on table inbox is
    'The events that were sent to sagas, kept until their saga is purged: an id counts once. Those of a saga in order of sequence';
comment on column inbox.id is 'Chosen by the sender; unique in the saga';
comment on column inbox.payload is 'JSON';
comment on column inbox.consumed_by is 'The step of which it became the outcome; null: none has consumed it';
comment on column inbox.is_woken is
    'Whether the commands that were parked for it have been made due; until then, the processes look for it each second';

alter table command add column until timestamptz, add column awaits text[];
comment on column command.until is
    'The moment for which it is parked: of a timer, or the end of a wait. It is set once; due_at is when a process looks next. Null: none';
comment on column command.awaits is 'The names of the events for which it is parked; one that is sent makes it due. Null: none';

alter table definition add column event_schemas jsonb;
comment on column definition.event_schemas is 'JSON Schemas of the events that it waits for, by name; null: not known';
