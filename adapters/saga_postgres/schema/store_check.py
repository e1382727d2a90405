"""Checks a Postgres before a process works on it; each reason for a refusal is one sentence."""

from __future__ import annotations

from typing import Final

from saga.errors import SchemaMismatch, UsageError
from saga_postgres.connection.failures import pooled, translated
from saga_postgres.connection.pool import Pool
from saga_postgres.connection.pooler import is_pooled
from saga_postgres.schema.migrate import check

MAJOR_MIN: Final = 14
"""The first version with idle_session_timeout, without which a suspended leader would never lose its lock."""


async def inspect(pool: Pool) -> None:
    """Returns if a process can work on this database.

    Raises:
        AccessRefused, Unavailable: the database cannot be reached.
        SchemaMismatch: the tables are missing, or of another version.
        UsageError: the server is too old, a standby, or a pooler in transaction mode.
    """
    async with pool.connection() as connection:
        other = await pool.dedicated()
        try:
            with translated(pool.place):
                if await is_pooled(connection, other):
                    raise pooled(pool.place)
        finally:
            other.terminate()
        major = connection.get_server_version().major
        if major < MAJOR_MIN:
            raise UsageError(f"{pool.place} is PostgreSQL {major}: upgrade it to {MAJOR_MIN} or newer")
        if await connection.fetchval("select pg_is_in_recovery()"):
            raise UsageError(f"{pool.place} is a standby, which is read-only: use the address of the primary")
        try:
            await check(connection, pool.namespace)
        except SchemaMismatch as error:
            raise SchemaMismatch(f"{pool.place}: {error} (`saga migrate`)") from error
