"""Creates the table of the journal in a service's own database."""

from __future__ import annotations

from typing import Final

from saga.errors import AccessRefused, SchemaMismatch, UsageError
from saga_postgres.connection.pool import Connection
from saga_postgres.statements import SQL, statements

COLUMNS: Final = frozenset({"saga", "step", "state", "result", "reason", "at"})
_TABLE: Final = SQL / "journal.sql"
# Not what another client of a pooler has left in the server's session
_OWN_PATH: Final = "set local search_path to default"
_SCHEMA: Final = "select coalesce($1, current_schema())"
_SQL: Final = statements("journal_table")
_FOUND: Final = _SQL["columns"]
_MISSING_RIGHTS: Final = _SQL["missing_rights"]
_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended('saga.journal.' || $1, 0))"
_MAY_CREATE: Final = "select has_schema_privilege($1, 'create')"
_ENTER: Final = "select set_config('search_path', quote_ident($1), true)"


async def ensure_journal(connection: Connection, schema: str | None = None) -> str:
    """Creates `saga_journal` if it is missing, in `schema` or in the first schema of the connection's own search path. Returns the schema.

    Processes that race wait for each other; a role without the right to create needs the table to exist. Call it
    outside a transaction.

    Raises:
        AccessRefused: the table is missing and this role may not create it, or the role lacks a right on it.
        SchemaMismatch: a table of this name is not a journal.
        UsageError: the schema does not exist.
    """
    async with connection.transaction(isolation="read_committed"):
        await connection.execute(_OWN_PATH)
        home: str | None = await connection.fetchval(_SCHEMA, schema)
        if home is None:
            raise UsageError(
                "the search_path has no schema for the journal: create one, or name it in the search_path of the URL"
            )
        if not await _exists(connection, home):
            await connection.execute(_LOCK, home)
            if not await _exists(connection, home):
                await _create(connection, home)
        await _check_rights(connection, home)
    return home


async def _create(connection: Connection, home: str) -> None:
    if not await _may_create(connection, home):
        raise AccessRefused(
            f"table {home}.saga_journal is missing and this role may not create it: let the owner of the schema run "
            "saga_postgres/sql/journal.sql, and grant select, insert, update and delete"
        )
    await connection.execute(_ENTER, home)
    await connection.execute(_TABLE.read_text(encoding="utf-8"))


async def _exists(connection: Connection, schema: str) -> bool:
    found: list[str] | None = await connection.fetchval(_FOUND, schema)
    if found and (missing := COLUMNS.difference(found)):
        columns = ", ".join(sorted(missing))
        raise SchemaMismatch(
            f"table {schema}.saga_journal is not a journal of Saga (it lacks {columns}): rename it, or use another schema"
        )
    return bool(found)


async def _check_rights(connection: Connection, schema: str) -> None:
    if missing := await connection.fetchval(_MISSING_RIGHTS, schema):
        role: str = await connection.fetchval("select current_user")
        raise AccessRefused(
            f"role {role} may not {', '.join(missing)} on table {schema}.saga_journal: "
            f"grant select, insert, update, delete on {schema}.saga_journal to {role}"
        )


async def _may_create(connection: Connection, schema: str) -> bool:
    if not await connection.fetchval("select exists (select from pg_namespace where nspname = $1)", schema):
        raise UsageError(f"schema {schema!r} of the journal does not exist: create it first")
    return bool(await connection.fetchval(_MAY_CREATE, schema))
