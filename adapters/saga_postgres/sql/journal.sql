-- The journal of a journaled service: in the service's own database, written in the transaction of the effect. Run with search_path set to
-- the schema that the service uses.
create table saga_journal (
    saga   uuid        not null,
    step   smallint    not null,
    state  "char"      not null check (state in ('X', 'F', 'T', 'Z', 'A')),
    result bytea,
    reason text,
    at     timestamptz not null default now(),
    primary key (saga, step)
);
comment on table saga_journal is
    'What this service has done for sagas: one row per step, written in the transaction of its effect (guards G15 to G18). '
    'Do not delete rows of sagas that have not ended: an effect would happen twice.';
comment on column saga_journal.step is 'The position of the step in its definition';
comment on column saga_journal.state is 'X executed, F rejected, T tombstone: will never be executed, Z compensated, A executed and frozen';
comment on column saga_journal.result is 'The recorded result (JSON) of an executed step';
comment on column saga_journal.reason is 'Why it was rejected';
