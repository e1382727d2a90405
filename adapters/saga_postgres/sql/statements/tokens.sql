-- Statements of tokens.py.

-- name: add
-- A new token; $6 is when it expires, in seconds since the epoch.
insert into token (id, hash, name, role, created_by, expires_at) values ($1, $2, $3, $4, $5, to_timestamp($6::float8))

-- name: all
-- All tokens, the newest first; $1: only these.
select t.id, t.hash, t.name, t.role, extract(epoch from t.created_at)::float8 as created_at, t.created_by,
       extract(epoch from t.expires_at)::float8 as expires_at, extract(epoch from t.revoked_at)::float8 as revoked_at,
       extract(epoch from t.used_at)::float8 as used_at
from token t where $1::text[] is null or t.id = any ($1) order by t.created_at desc, t.id

-- name: revoke
-- The token is not valid any more. Returns no row if it was revoked before.
update token set revoked_at = now() where id = $1 and revoked_at is null returning name, role

-- name: used
-- Once a minute is enough.
update token set used_at = now() where id = any ($1::text[]) and (used_at is null or used_at < now() - interval '1 minute')

-- name: is_any_valid
-- True if there is a token that is valid.
select exists (select from token t where t.revoked_at is null and (t.expires_at is null or t.expires_at > now()))

-- name: sign_in
-- Begins session $1 of $3 seconds with token $2, if that is valid. Ends those that have expired, and the oldest beyond $4 of the token.
with over as (
    delete from session s
    where s.expires_at <= now()
       or s.hash in (select o.hash from session o where o.token = $2 order by o.expires_at desc offset $4::bigint - 1)
)
insert into session (hash, token, expires_at)
select $1, t.id, now() + make_interval(secs => $3::float8) from token t
where t.id = $2 and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
returning hash

-- name: signed_in
-- The tokens of sessions $1, and when each session ends.
select s.hash, s.token, extract(epoch from s.expires_at)::float8 as expires_at from session s where s.hash = any ($1::bytea[])

-- name: sign_out
-- Ends session $1.
delete from session where hash = $1

-- name: end_sessions
-- Ends the sessions of token $1.
delete from session where token = $1
