"""The tokens of the API."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import asyncpg

from saga.errors import AlreadyExists, NotFound
from saga.ports.access.tokens import CREATED, REVOKED, SESSIONS_MAX, Asker, Session, TokenLine, unknown_token
from saga_postgres.audit import record
from saga_postgres.connection.pool import Pool
from saga_postgres.statements import statements

_SQL: Final = statements("tokens")


class PostgresTokens:
    """See `saga.ports.access.tokens.Tokens`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, token: TokenLine, by: Asker | None = None) -> None:
        values = (token.id, token.hash, token.name, token.role, token.created_by, token.expires_at)
        async with self._pool.connection() as connection, connection.transaction(isolation="read_committed"):
            try:
                await connection.execute(_SQL["add"], *values)
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"there is a token {token.id}") from None
            asker = by or Asker(token.created_by)
            await record(connection, None, asker.audit(CREATED, token.id, token.name, token.role))

    async def find(self, token_ids: Collection[str]) -> Mapping[str, TokenLine]:
        return {row["id"]: TokenLine(**row) for row in await self._pool.fetch(_SQL["all"], list(token_ids))}

    async def list(self) -> list[TokenLine]:
        return [TokenLine(**row) for row in await self._pool.fetch(_SQL["all"], None)]

    async def revoke(self, token_id: str, by: Asker) -> None:
        async with self._pool.connection() as connection, connection.transaction(isolation="read_committed"):
            row = await connection.fetchrow(_SQL["revoke"], token_id)
            if row is not None:
                await connection.execute(_SQL["end_sessions"], token_id)
                await record(connection, None, by.audit(REVOKED, token_id, row["name"], row["role"]))
            elif await connection.fetchrow(_SQL["all"], [token_id]) is None:
                raise unknown_token(token_id)

    async def used(self, token_ids: Collection[str]) -> None:
        await self._pool.fetch(_SQL["used"], list(token_ids))

    async def is_any_valid(self) -> bool:
        (row,) = await self._pool.fetch(_SQL["is_any_valid"])
        return bool(row[0])

    async def sign_in(self, session: bytes, token_id: str, seconds: float) -> None:
        if not await self._pool.fetch(_SQL["sign_in"], session, token_id, seconds, SESSIONS_MAX):
            raise NotFound(f"the token {token_id} is not valid any more")

    async def signed_in(self, sessions: Collection[bytes]) -> Mapping[bytes, Session]:
        rows = await self._pool.fetch(_SQL["signed_in"], list(sessions))
        return {row["hash"]: Session(row["token"], row["expires_at"]) for row in rows}

    async def sign_out(self, session: bytes) -> None:
        await self._pool.fetch(_SQL["sign_out"], session)
