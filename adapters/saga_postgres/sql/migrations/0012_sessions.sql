-- runs with builds from: 2
-- The browsers that have signed in to the pages of the API. A browser keeps a secret of its own in its cookie, no longer the token itself.
-- Older builds do not know the table: a browser that was answered by one of them signs in there as well.
create table session (
    hash       bytea primary key,
    token      text not null references token (id),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index session_token on session (token);
comment on table session is 'The browsers that have signed in with a token. A secret is not stored: hash is the SHA-256 of it';
