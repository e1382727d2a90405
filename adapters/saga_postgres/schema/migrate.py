"""Bring a schema to the version of this build: numbered SQL files, `migrations/0001_name.sql` and so on.

Rules for a file: it names no schema, since it runs with `search_path` set to the schema asked for; it runs in one
transaction, so no `create index concurrently`; it is never changed once released. A line `-- runs with builds from: 3`
promises that processes of a build which knows only the files up to 3 go on working: a rolling upgrade needs it. Without
that line older builds refuse to start on the schema.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

import asyncpg

from saga.errors import SchemaMismatch, UsageError

MIGRATIONS: Traversable = importlib.resources.files("saga_postgres") / "migrations"
_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_PROMISE = re.compile(r"^-- runs with builds from: (\d+)$", re.MULTILINE)
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_HOME = """
create table if not exists schema_migration (
  version    integer primary key,
  name       text not null,
  sha256     text not null,
  runs_from  integer not null,
  applied_at timestamptz not null default now()
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file, known or applied. A build that knows the files up to `runs_from` may run on the schema after it."""

    number: int
    name: str
    sha256: str
    runs_from: int
    sql: str = ""


async def migrate(connection: asyncpg.Connection, *, schema: str, source: Traversable = MIGRATIONS) -> list[Migration]:
    """Apply what is missing and return it, in order.

    One transaction and one advisory lock a file: runners that race share the work, a file that fails leaves the ones
    before it, and a pooler in transaction mode is no obstacle. Cancelling it leaves whole files only.

    Raises:
        SchemaMismatch: the schema is too new for this build, or a file was edited after it had been applied.
        UsageError: the schema's name, or the numbers of the files, cannot be accepted.
    """
    known, done = _known(source), list[Migration]()
    if not await pending(connection, schema=schema, source=source):
        return done
    while True:
        async with connection.transaction(isolation="read_committed"):  # it must see what others did
            await connection.execute("select pg_advisory_xact_lock(hashtextextended('saga.migrate.' || $1, 0))", schema)
            missing = _missing(known, await _applied(connection, schema), schema)
            if not missing:
                return done
            await _apply(connection, schema, missing[0])
        done.append(missing[0])


async def pending(connection: asyncpg.Connection, *, schema: str, source: Traversable = MIGRATIONS) -> list[Migration]:
    """What `migrate` would apply. Raises what `migrate` raises; changes nothing."""
    return _missing(_known(source), await _applied(connection, schema), schema)


async def check(connection: asyncpg.Connection, schema: str, *, source: Traversable = MIGRATIONS) -> None:
    """Make sure that this build can work on the schema as it is.

    Raises:
        SchemaMismatch: the tables are missing, older than this build needs, or too new for it.
    """
    known, applied = _known(source), await _applied(connection, schema)
    if not applied:
        raise SchemaMismatch(f"schema {schema!r} has no Saga tables: run the migrations first")
    if missing := _missing(known, applied, schema):
        raise SchemaMismatch(
            f"schema {schema!r} is at migration {applied[-1].number}, this build needs {missing[-1].number}: "
            "run the migrations before the new version starts"
        )


def _missing(known: Sequence[Migration], applied: Sequence[Migration], schema: str) -> list[Migration]:
    """The files to apply, after the schema was found to be one that this build can work on."""
    for file, row in zip(known, applied, strict=False):
        if file.sha256 != row.sha256:
            raise SchemaMismatch(
                f"{file.number:04}_{file.name}.sql was edited after it had been applied to schema {schema!r}: "
                "put the old text back and write what is new into a new file"
            )
    build = len(known)
    if (oldest := max((row.runs_from for row in applied), default=0)) > build:
        raise SchemaMismatch(
            f"schema {schema!r} is at migration {len(applied)} and takes only builds that know migration {oldest}; "
            f"this one knows {build}: it needs a newer version of Saga"
        )
    return list(known[len(applied) :])


def _known(source: Traversable) -> list[Migration]:
    files = [(match, entry) for entry in source.iterdir() if (match := _FILE.fullmatch(entry.name))]
    known = sorted((_parsed(match, entry) for match, entry in files), key=lambda migration: migration.number)
    if [migration.number for migration in known] != list(range(1, len(known) + 1)):
        found = ", ".join(f"{migration.number:04}_{migration.name}" for migration in known)
        raise UsageError(f"migrations are numbered 0001, 0002, ... without a gap or a repetition, and not: {found}")
    return known


def _parsed(match: re.Match[str], entry: Traversable) -> Migration:
    sql, number = entry.read_text(encoding="utf-8"), int(match[1])
    promise = _PROMISE.search(sql)
    return Migration(
        number, match[2], hashlib.sha256(sql.encode()).hexdigest(), int(promise[1]) if promise else number, sql
    )


async def _applied(connection: asyncpg.Connection, schema: str) -> list[Migration]:
    if not _SCHEMA.fullmatch(schema):
        raise UsageError(f"{schema!r} cannot be a schema: lower-case letters, digits and _, at most 63, no digit first")
    # to_regclass would answer from the session's cache, which the wait for the advisory lock does not refresh
    exists = "select exists (select from pg_tables where schemaname = $1 and tablename = 'schema_migration')"
    if not await connection.fetchval(exists, schema):
        return []
    rows = await connection.fetch(
        f'select version, name, sha256, runs_from from "{schema}".schema_migration order by version'  # noqa: S608 - checked
    )
    return [Migration(row["version"], row["name"], row["sha256"], row["runs_from"]) for row in rows]


async def _apply(connection: asyncpg.Connection, schema: str, migration: Migration) -> None:
    """Run one file inside the caller's transaction and write it down."""
    if not await connection.fetchval("select exists (select from pg_namespace where nspname = $1)", schema):
        await connection.execute(f'create schema "{schema}"')  # not `if not exists`: that asks for the right to create
    await connection.execute(f'set local search_path to "{schema}"')
    await connection.execute(_HOME)
    try:
        await connection.execute(migration.sql)
    except asyncpg.PostgresError as error:
        error.add_note(f"in {migration.number:04}_{migration.name}.sql, which was rolled back as a whole")
        raise
    await connection.execute(
        f'insert into "{schema}".schema_migration (version, name, sha256, runs_from) values ($1, $2, $3, $4)',  # noqa: S608
        migration.number, migration.name, migration.sha256, migration.runs_from,
    )  # fmt: skip
