-- Statements of schema/migrate.py.

-- name: create_table
-- The files that were applied. A repeatable file has no version, and no promise (runs_from) about older builds.
create table if not exists schema_migration (
    name       text primary key,
    version    integer unique,
    sha256     text not null,
    runs_from  integer,
    applied_at timestamptz not null default now()
)

-- name: record
-- Writes down that a file was applied; a repeatable one may have been applied before.
insert into schema_migration as m (name, version, sha256, runs_from) values ($1, $2, $3, $4)
on conflict (name) do update set sha256 = excluded.sha256, applied_at = now() where m.version is null
