"""The tokens of the API, in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from saga.errors import AlreadyExists, NotFound
from saga.memory.data.database import Database
from saga.ports.access.tokens import CREATED, REVOKED, SESSIONS_MAX, Asker, Session, TokenLine, unknown_token


class MemoryTokens:
    """See `saga.ports.access.tokens.Tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, token: TokenLine, by: Asker | None = None) -> None:
        if token.id in self._database.tokens:
            raise AlreadyExists(f"there is a token {token.id}")
        self._database.add_audit(None, (by or Asker(token.created_by)).audit(CREATED, token.id, token.name, token.role))
        self._database.tokens[token.id] = replace(token, created_at=self._now())

    async def find(self, token_ids: Collection[str]) -> Mapping[str, TokenLine]:
        known = self._database.tokens
        return {token_id: known[token_id] for token_id in token_ids if token_id in known}

    async def list(self) -> list[TokenLine]:
        return list(self._database.tokens.values())[::-1]

    async def revoke(self, token_id: str, by: Asker) -> None:
        token = self._database.tokens.get(token_id)
        if token is None:
            raise unknown_token(token_id)
        if token.revoked_at is None:
            self._database.add_audit(None, by.audit(REVOKED, token.id, token.name, token.role))
            self._database.tokens[token_id] = replace(token, revoked_at=self._now())
        for session in [each for each, line in self._database.sessions.items() if line.token == token_id]:
            del self._database.sessions[session]

    async def used(self, token_ids: Collection[str]) -> None:
        for token_id in token_ids:
            if (token := self._database.tokens.get(token_id)) is not None:
                self._database.tokens[token_id] = replace(token, used_at=self._now())

    async def is_any_valid(self) -> bool:
        return any(map(self._is_valid, self._database.tokens.values()))

    async def sign_in(self, session: bytes, token_id: str, seconds: float) -> None:
        token, sessions = self._database.tokens.get(token_id), self._database.sessions
        if token is None or not self._is_valid(token):
            raise NotFound(f"the token {token_id} is not valid any more")
        lines = sorted(sessions.items(), key=lambda line: line[1].expires_at)
        of_token = [each for each, line in lines if line.token == token_id]
        expired = [each for each, line in lines if line.expires_at <= self._now()]
        for each in {*expired, *of_token[: max(len(of_token) + 1 - SESSIONS_MAX, 0)]}:
            del sessions[each]
        sessions[session] = Session(token_id, self._now() + seconds)

    async def signed_in(self, sessions: Collection[bytes]) -> Mapping[bytes, Session]:
        known = self._database.sessions
        return {session: known[session] for session in sessions if session in known}

    async def sign_out(self, session: bytes) -> None:
        self._database.sessions.pop(session, None)

    def _is_valid(self, token: TokenLine) -> bool:
        return token.revoked_at is None and (token.expires_at is None or token.expires_at > self._now())

    def _now(self) -> float:
        return self._database.epoch + self._database.now()
