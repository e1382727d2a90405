"""The tokens of the API, in memory."""

from __future__ import annotations

from dataclasses import replace

from saga.errors import AlreadyExists, NotFound
from saga.memory.data.database import Database
from saga.ports.access.tokens import TokenLine


class MemoryTokens:
    """See `saga.ports.access.tokens.Tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: TokenLine) -> None:
        if token.id in self._database.tokens:
            raise AlreadyExists(f"there is a token {token.id}")
        self._database.tokens[token.id] = replace(token, created_at=self._now())

    async def find(self, token_id: str) -> TokenLine | None:
        return self._database.tokens.get(token_id)

    async def list(self) -> list[TokenLine]:
        return list(self._database.tokens.values())[::-1]

    async def revoke(self, token_id: str) -> None:
        token = self._database.tokens.get(token_id)
        if token is None:
            raise NotFound(f"no token has the id {token_id!r}: run `saga token ls` to see the tokens and their ids")
        if token.revoked_at is None:
            self._database.tokens[token_id] = replace(token, revoked_at=self._now())

    async def used(self, token_id: str) -> None:
        if (token := self._database.tokens.get(token_id)) is not None:
            self._database.tokens[token_id] = replace(token, used_at=self._now())

    async def is_any_valid(self) -> bool:
        now = self._now()
        return any(
            token.revoked_at is None and (token.expires_at is None or token.expires_at > now)
            for token in self._database.tokens.values()
        )

    def _now(self) -> float:
        return self._database.epoch + self._database.now()
