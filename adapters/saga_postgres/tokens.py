"""The tokens of the API."""

from __future__ import annotations

from typing import Final

import asyncpg

from saga.errors import AlreadyExists, NotFound
from saga.ports.access.tokens import TokenLine
from saga_postgres.connection.pool import Pool
from saga_postgres.statements import statements

_SQL: Final = statements("tokens")


class PostgresTokens:
    """See `saga.ports.access.tokens.Tokens`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, token: TokenLine) -> None:
        values = (token.id, token.hash, token.name, token.role, token.created_by, token.expires_at)
        async with self._pool.connection() as connection:
            try:
                await connection.execute(_SQL["add"], *values)
            except asyncpg.UniqueViolationError:
                raise AlreadyExists(f"there is a token {token.id}") from None

    async def find(self, token_id: str) -> TokenLine | None:
        rows = await self._pool.fetch(_SQL["all"], token_id)
        return TokenLine(**rows[0]) if rows else None

    async def list(self) -> list[TokenLine]:
        return [TokenLine(**row) for row in await self._pool.fetch(_SQL["all"], None)]

    async def revoke(self, token_id: str) -> None:
        if not await self._pool.fetch(_SQL["revoke"], token_id):
            raise NotFound(f"no token has the id {token_id!r}: run `saga token ls` to see the tokens and their ids")

    async def used(self, token_id: str) -> None:
        await self._pool.fetch(_SQL["used"], token_id)

    async def is_any_valid(self) -> bool:
        (row,) = await self._pool.fetch(_SQL["is_any_valid"])
        return bool(row[0])
