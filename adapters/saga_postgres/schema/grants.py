"""The rights of the role of the participants, as SQL to read and to run."""

from __future__ import annotations

import re
from typing import Final

import asyncpg

from saga.errors import UsageError
from saga_postgres.connection.pool import checked_namespace
from saga_postgres.statements import SQL

_SQL: Final = SQL / "grants.sql"
_API_SQL: Final = SQL / "grants_api.sql"
_ROLE: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_EXISTS: Final = "select exists (select from pg_roles where rolname = $1)"


def grants(namespace: str, role: str, *, serves_api: bool = False) -> str:
    """Returns the SQL that lets a role take part in the sagas of a namespace; with `serves_api`, also serve the API.

    Raises:
        UsageError: the name of the role would need quoting.
    """
    if not _ROLE.fullmatch(role) or role == "public":
        raise UsageError(f"{role!r} cannot be a role: use at most 63 of a-z, 0-9 and _, not beginning with a digit")
    schema, files = f'"{checked_namespace(namespace)}"', (_SQL, _API_SQL) if serves_api else (_SQL,)
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return text.replace(":schema", schema).replace(":role", f'"{role}"')


async def grant(
    connection: asyncpg.Connection[asyncpg.Record], *, namespace: str, role: str, serves_api: bool = False
) -> bool:
    """Creates the role if it is missing, without a password, and grant it its rights; returns whether it was created.

    One transaction. How the role authenticates (a password, a certificate) is left to the administrator.
    """
    sql = grants(namespace, role, serves_api=serves_api)
    async with connection.transaction():
        is_new = not await connection.fetchval(_EXISTS, role)
        if is_new:
            await connection.execute(f'create role "{role}" login')
        await connection.execute(sql)
    return is_new
