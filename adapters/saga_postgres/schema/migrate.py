"""Brings a schema to the version of this build. The files and their rules are in `saga_postgres.schema.migration`."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

import asyncpg

from saga.errors import Locked, SchemaMismatch, UsageError
from saga_postgres.connection.session import search_path
from saga_postgres.schema.migration import Migration, read_migrations, read_repeatable
from saga_postgres.statements import SQL, statements

LOCK_SECONDS_MAX: Final = 0.2
"""A file waits this long for a table that a transaction uses, a backup for example: everybody else waits behind it meanwhile."""
LOCK_PAUSE_SECONDS: Final = 2.0
LOCK_TRIES_MAX: Final = 60
"""Tries of one file, a pause apart, before the migration gives up."""
_SCHEMA: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_SQL: Final = statements("migrate")
_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended('saga.migrate.' || $1, 0))"
_IS_SCHEMA: Final = "select exists (select from pg_namespace where nspname = $1)"
# to_regclass would answer from the session's cache, which the wait for the advisory lock does not refresh
_IS_MIGRATED: Final = "select exists (select from pg_tables where schemaname = $1 and tablename = 'schema_migration')"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Applied:
    migrations: Sequence[Migration] = ()
    repeatable: Sequence[Migration] = ()


async def migrate(connection: asyncpg.Connection, *, schema: str, source: Traversable = SQL) -> list[Migration]:
    """Applies the files that are missing, and returns them in order.

    Each migration is one transaction under one advisory lock, and so are all repeatable files together: runners that race share the work,
    a file that fails leaves what was applied before it, and it works behind a pooler in transaction mode. Cancelling it leaves whole files.
    A file that cannot lock its tables at once is rolled back and tried again, at most `LOCK_TRIES_MAX` times.

    Raises:
        Locked: other transactions held the tables of a file at each try.
        SchemaMismatch: the schema is too new for this build, or a migration was edited after it had been applied.
        UsageError: the name of the schema, or the numbers of the migrations, cannot be accepted.
    """
    done, tries = list[Migration](), 0
    if not await pending(connection, schema=schema, source=source):
        return done
    while True:
        try:
            batch = await _apply_next(connection, schema, source)
        except asyncpg.LockNotAvailableError as error:
            tries += 1
            await _wait(schema, tries, error)
            continue
        if not batch:
            return done
        done, tries = [*done, *batch], 0


async def _apply_next(connection: asyncpg.Connection, schema: str, source: Traversable) -> Sequence[Migration]:
    """Applies what one transaction applies. Returns nothing if nothing was missing."""
    async with connection.transaction(isolation="read_committed"):  # to see what others have applied
        await connection.execute(_LOCK, schema)
        missing = await pending(connection, schema=schema, source=source)
        batch = missing[:1] if missing and missing[0].number is not None else missing
        if batch:
            await connection.execute(f"set local lock_timeout = {LOCK_SECONDS_MAX * 1000:.0f}")
            await _enter(connection, schema)
        for file in batch:
            await _apply(connection, file)
    return batch


async def _wait(schema: str, tries: int, error: asyncpg.LockNotAvailableError) -> None:
    """Pauses before the next try. Raises Locked after the last one."""
    where = " ".join(getattr(error, "__notes__", ()))
    if tries >= LOCK_TRIES_MAX:
        raise Locked(
            f"schema {schema!r} cannot be migrated: at each of {tries} tries an open transaction held a table ({error}, {where}): "
            "wait until the backup has ended, or end the transaction (see pg_stat_activity), then migrate again"
        ) from error
    if tries == 1:
        _log.warning("migration waits for an open transaction, and is tried again without blocking others: %s", where)
    await asyncio.sleep(LOCK_PAUSE_SECONDS)


async def pending(connection: asyncpg.Connection, *, schema: str, source: Traversable = SQL) -> list[Migration]:
    """The files that `migrate` will apply. Raises the same errors; changes nothing."""
    return _missing(source, await _applied(connection, schema), schema)


async def check(connection: asyncpg.Connection, schema: str, *, source: Traversable = SQL) -> None:
    """Makes sure that this build can work on the schema.

    Raises:
        SchemaMismatch: the tables are missing, older than this build needs, or too new for it.
    """
    applied = await _applied(connection, schema)
    if not applied.migrations:
        raise SchemaMismatch(f"schema {schema!r} has no Saga tables: run the migrations first")
    missing = _missing(source, applied, schema)
    if numbers := [file.number for file in missing if file.number is not None]:
        raise SchemaMismatch(
            f"schema {schema!r} is at migration {len(applied.migrations)}, but this build needs {numbers[-1]}: "
            "run the migrations before the new version starts"
        )
    if missing:
        names = ", ".join(file.name for file in missing)
        raise SchemaMismatch(
            f"schema {schema!r} has other functions or views than this build needs ({names}): "
            "run the migrations before the new version starts"
        )


def _missing(source: Traversable, applied: _Applied, schema: str) -> list[Migration]:
    """The files to apply, once it is certain that this build can work on the schema."""
    known, migrations = read_migrations(source), applied.migrations
    for file, row in zip(known, migrations, strict=False):
        if file.sha256 != row.sha256:
            raise SchemaMismatch(
                f"{file.name}.sql was edited after it had been applied to schema {schema!r}: "
                "restore its text and put the change into a new migration"
            )
    oldest = max((row.runs_from or 0 for row in migrations), default=0)
    if oldest > len(known):
        raise SchemaMismatch(
            f"schema {schema!r} is at migration {len(migrations)} and accepts only builds that know migration {oldest}; "
            f"this one knows {len(known)}: it needs a newer version of Saga"
        )
    if len(migrations) > len(known):
        return []  # the functions and views are those of a newer build, too
    hashes = {row.name: row.sha256 for row in applied.repeatable}
    changed = [file for file in read_repeatable(source) if hashes.get(file.name) != file.sha256]
    return [*known[len(migrations) :], *changed]


async def _applied(connection: asyncpg.Connection, schema: str) -> _Applied:
    if not _SCHEMA.fullmatch(schema):
        raise UsageError(f"{schema!r} cannot be a schema: use at most 63 of a-z, 0-9 and _, not beginning with a digit")
    if not await connection.fetchval(_IS_MIGRATED, schema):
        return _Applied()
    rows = await connection.fetch(
        f'select name, sha256, version, runs_from from "{schema}".schema_migration order by version'  # noqa: S608 - checked
    )
    files = [Migration(*row) for row in rows]
    return _Applied(
        [file for file in files if file.number is not None], [file for file in files if file.number is None]
    )


async def _enter(connection: asyncpg.Connection, schema: str) -> None:
    """Creates the schema and its table of migrations if missing, and sets the search path for the transaction, which its functions keep."""
    if not await connection.fetchval(_IS_SCHEMA, schema):
        await connection.execute(f'create schema "{schema}"')  # not `if not exists`, which asks for the right to create
    await connection.execute(f"set local search_path to {search_path(schema)}")
    await connection.execute(_SQL["create_table"])


async def _apply(connection: asyncpg.Connection, file: Migration) -> None:
    """Runs one file inside the caller's transaction, and records it."""
    try:
        # asyncpg cannot run a script without a statement, as is a migration that only holds a promise
        await connection.execute(f"{file.sql}\n;select")
    except asyncpg.PostgresError as error:
        error.add_note(f"in {file.name}.sql, which was rolled back as a whole")
        raise
    await connection.execute(_SQL["record"], file.name, file.number, file.sha256, file.runs_from)
