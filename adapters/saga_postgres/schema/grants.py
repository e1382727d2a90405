"""The role of the participants: what it may do, as SQL to read and to run."""

from __future__ import annotations

import re
from typing import Final

import asyncpg

from saga.errors import UsageError
from saga_postgres.connection.pool import checked_namespace
from saga_postgres.statements import SQL

_SQL: Final = SQL / "grants.sql"
_ROLE: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_EXISTS: Final = "select exists (select from pg_roles where rolname = $1)"


def grants(namespace: str, role: str) -> str:
    """The SQL that lets a role take part in the sagas of a namespace.

    Raises:
        UsageError: a name that would need quoting.
    """
    if not _ROLE.fullmatch(role) or role == "public":
        raise UsageError(f"{role!r} cannot be a role: lower-case letters, digits and _, at most 63, no digit first")
    schema, text = f'"{checked_namespace(namespace)}"', _SQL.read_text(encoding="utf-8")
    return text.replace(":schema", schema).replace(":role", f'"{role}"')


async def grant(connection: asyncpg.Connection[asyncpg.Record], *, namespace: str, role: str) -> bool:
    """Make the role if it is missing, without a password, and give it its rights; return whether it was made.

    One transaction. How the role proves who it is (a password, a certificate) stays the administrator's business.
    """
    sql = grants(namespace, role)
    async with connection.transaction():
        is_new = not await connection.fetchval(_EXISTS, role)
        if is_new:
            await connection.execute(f'create role "{role}" login')
        await connection.execute(sql)
    return is_new
