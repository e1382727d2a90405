-- runs with builds from: 2
-- The tokens of the API. The role of the participants has no right to them.
create table token (
    id         text primary key,
    hash       bytea not null,
    name       text not null,
    role       text not null,
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    used_at    timestamptz
);
comment on table token is 'The tokens of the API, with the role of each. A secret is not stored: hash is the SHA-256 of it';
comment on column token.expires_at is 'Null: it does not expire';
comment on column token.used_at is 'When it was last used, to the minute';
