-- The tables of Saga. The saga row is authoritative, a command row is one outstanding instruction, the rest is for people.
-- Run with search_path set to the schema of the namespace.

create table definition (
    id           integer generated always as identity primary key,
    name         text not null,
    version      integer not null,
    hash         bytea not null unique,
    document     bytea not null,
    services     text[] not null,
    input_schema jsonb,
    activated_at timestamptz,
    created_at   timestamptz not null default now(),
    unique (name, version)
);
comment on table definition is
    'One row per version of a definition: the graph to which a saga is pinned when it starts. Rows are added, never changed.';
comment on column definition.document is 'Canonical JSON (RFC 8785) of the graph; hash is its SHA-256';
comment on column definition.activated_at is 'When this version became the default for a start by name; null: never';

create table definition_step (
    definition   integer not null references definition on delete cascade,
    step         smallint not null,
    name         text not null,
    service      text not null,
    handler      text not null,
    mode         "char" not null,
    is_pivot     boolean not null,
    after        smallint[] not null,
    reads        smallint[] not null,
    call_ms      integer not null,
    kind         "char",
    primary key (definition, step)
);
comment on table definition_step is
    'The steps of a definition by position: letter n of a saga''s vector belongs to step n';
comment on column definition_step.mode is 'T transactional, J journaled, X external';
comment on column definition_step.reads is 'Steps whose results are part of its input';
comment on column definition_step.call_ms is 'Timeout of one attempt, in milliseconds';

create table contract (
    service          text not null,
    handler          text not null,
    mode             "char" not null,
    has_compensation boolean not null,
    has_probe        boolean not null,
    read_only        boolean not null,
    input_schema     jsonb,
    output_schema    jsonb,
    handler_version  text,
    published_at     timestamptz not null default now(),
    primary key (service, handler)
);
comment on table contract is 'What each service publishes about its steps; definitions are checked against it';

create table saga (
    id                 uuid primary key,
    definition         integer not null,
    version            integer not null default 1,
    touched_by         integer,
    waiter             integer,
    phase              "char" not null,
    rollback_requested boolean not null default false,
    paused             boolean not null default false,
    wake_at            timestamptz,
    deadline           timestamptz,
    started_at         timestamptz not null,
    ended_at           timestamptz,
    parent             uuid,
    parent_step        smallint,
    priority           smallint,
    kind               "char",
    vector             text not null,
    reason             text,
    trace              text,
    path               text,
    tags               jsonb,
    input              bytea not null
) with (
    fillfactor = 60,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);
create index saga_wake_at on saga (wake_at) where wake_at is not null;
comment on table saga is 'One row per saga: its authoritative state. The view overview shows the same in words.';
comment on column saga.version is 'Grows by 1 with every transition; every write is conditional on it';
comment on column saga.phase is
    'R running, C compensating, A abandoning; at the end: D completed, Z compensated, X abandoned';
comment on column saga.vector is
    'One letter per step: P pending, D dispatched, W voiding, U resolving, K compensating (lower case: quarantined), '
    'S succeeded, N skipped, R rejected, V void, Z compensated, G frozen, ? effect unknown';
comment on column saga.wake_at is 'When the saga is next checked and redriven, at the latest; null once it has ended';
comment on column saga.touched_by is 'The process that made the last transition';
comment on column saga.trace is
    'W3C traceparent of the span that started it, to which the spans of its steps belong; null: the start was not traced';
comment on column saga.waiter is 'The process to notify when the saga has ended';

create table command (
    saga            uuid not null,
    step            smallint not null,
    op              "char" not null,
    priority        smallint,
    owner           integer,
    claim           bigint,
    due_at          timestamptz not null,
    lease_until     timestamptz,
    quiet_at        timestamptz,
    first_failed_at timestamptz,
    deliveries      smallint not null default 0,
    failures        smallint not null default 0,
    isolated_attempts smallint not null default 0,
    service         text not null,
    error           text,
    progress        bytea,
    primary key (saga, step)
) with (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);
create index command_owner on command (owner) where owner is not null;
create index command_due on command (service, due_at) where owner is null;
comment on table command is
    'One row per outstanding command: queued (no owner), claimed (owner and lease), waiting for its next attempt (due_at) or '
    'parked (due_at infinity). Deleted when its outcome is recorded.';
comment on column command.op is 'E execute, C compensate, O void-or-report';
comment on column command.claim is
    'Unique number of the newest claim; a rejection counts only if it comes from this claim';
comment on column command.quiet_at is
    'External steps only: until then a call of an earlier claim may still arrive; no rejection is final, no abandoned saga ends';
comment on column command.deliveries is 'How often it was handed to a process; counted before the handler runs';
comment on column command.isolated_attempts is
    'How often an isolated attempt of it did not answer; counted before the handler runs. At the limit the step is quarantined';

create table step (
    saga        uuid not null,
    step        smallint not null,
    finished_at timestamptz not null,
    owner       integer,
    attempts    smallint not null,
    kind        "char",
    path        text,
    result      bytea,
    primary key (saga, step)
) with (fillfactor = 100);
comment on table step is
    'One row per step that has succeeded, with its result (JSON). Its current state is its letter in saga.vector; see view steps.';

create table start_key (
    definition_name text not null,
    key             text not null,
    saga            uuid not null,
    input_hash      bytea not null,
    primary key (definition_name, key)
);
-- For people who look up a saga's key, and for retention. Saga ids grow with time, so every insert goes to the end of the index.
create index start_key_saga on start_key (saga);
comment on table start_key is 'Start keys chosen by callers: the same key never starts a second saga of a definition';

create table event (
    saga    uuid not null,
    at      timestamptz not null,
    version integer,
    process integer,
    n       integer not null default 0,
    step    smallint,
    phase   "char",
    kind    text not null,
    vector  text,
    detail  text
) partition by range (at);
create index event_saga on event (saga);
create table event_default partition of event default;
comment on column event.n is 'Order of the lines of one transition';
comment on table event is
    'History, append-only: what happened, to which step, why, and the vector afterwards. Partitioned by day; old days go.';

create sequence participant_id as integer;
create table participant (
    id          integer primary key,
    name        text not null,
    services    text[] not null,
    capacity    integer not null,
    release     text not null,
    started_at  timestamptz not null default now(),
    seen_at     timestamptz not null default now(),
    in_flight   integer not null default 0,
    scanned_at  timestamptz,
    socket_path text
) with (fillfactor = 50);
comment on column participant.scanned_at is
    'When it last looked for expired and orphaned claims; for the next second no other process does';
comment on column participant.socket_path is
    'Path of the local socket on which processes of the same machine notify it; null: NOTIFY only';
comment on table participant is
    'The processes that are alive. Each holds a session advisory lock on its id: if the lock is free, the process is dead.';

create table leader (
    name    text primary key,
    term    bigint not null,
    holder  text,
    seen_at timestamptz not null
);
comment on table leader is 'The leader, its term, and when it was last seen working';

create table schedule (
    name       text primary key,
    definition text not null,
    spec       jsonb not null,
    next_at    timestamptz
);
comment on table schedule is 'Sagas that start at a set time (not used yet)';

create table audit (
    id     bigint generated always as identity primary key,
    at     timestamptz not null default now(),
    actor  text not null,
    action text not null,
    saga   uuid,
    step   smallint,
    reason text,
    detail jsonb
);
comment on table audit is 'What operators did: who, when, why, before and after';
create index audit_saga on audit (saga);

create table secret (
    name text primary key,
    key  bytea not null
);
comment on table secret is
    'Keys of the processes, generated with the tables: a role that may read them can take part in sagas';
insert into secret (name, key)
values ('notifications', sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- The rows that functions of the hot path return. Types are created once; the functions are in sql/functions.

-- A claim with all that a process needs to run it.
create type claimed_command as (
    saga uuid, step smallint, op "char", claim bigint, definition integer, version integer,
    phase "char", vector text, rollback_requested boolean, deadline float8, reason text, waiter integer,
    input bytea, result_steps smallint[], results bytea[],
    deliveries smallint, failures smallint, first_failed_ago float8, lease_seconds float8, quiet_seconds float8,
    progress bytea, now float8, trace text, isolated_attempts smallint
);

-- A write that was not made, and the current state of its saga; n is its position in the batch.
create type write_conflict as (
    n integer, version integer, phase "char", vector text, rollback_requested boolean, paused boolean,
    deadline float8, reason text, now float8
);
