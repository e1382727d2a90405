"""Tokens: `saga_ID_SECRET` in the Authorization header. The store has the id and the hash of the secret."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Mapping
from typing import Final

from fastapi import Request

from saga.api.kept import Kept
from saga.api.limits import Limits
from saga.api.principals import Principal, Role, Sender, local, sender_of
from saga.api.problems import UNAUTHENTICATED, Problem
from saga.ports.access.tokens import SECRET_BYTES, TOKEN, Session, TokenLine, Tokens, hash_of
from saga.ports.adapter import StoreAdapter
from saga.ports.clock import Clock
from saga.runtime.timing.store_clock import StoreClock

KEPT_SECONDS: Final = 2.0
"""For how long a process relies on what it has read about a token; a revoked one is refused after that."""
KEPT_MAX: Final = 1_000
"""Maximum number of tokens, and of sessions, that a process remembers."""
USED_SECONDS: Final = 60.0
"""The time of a token's last use is at most this old."""
SESSION_SECONDS: Final = 12 * 3600
"""For how long a browser stays signed in."""
SESSION: Final = "saga.session"
"""The key in the scope of a request with the secret of its session. Only pages put it there."""


def _kept_seconds() -> float:
    return KEPT_SECONDS


class TokenAuthentication:
    """Recognises the senders of requests by their tokens. As long as there is no valid token, only this machine is answered."""

    def __init__(self, adapter: StoreAdapter, clock: Clock, store_clock: StoreClock, limits: Limits) -> None:
        self._tokens: Tokens = adapter.tokens
        self._limits = limits
        self._store_clock = store_clock
        now = clock.monotonic
        self._kept: Kept[str, TokenLine] = Kept(self._read, now, _kept_seconds, KEPT_MAX)
        self._kept_sessions: Kept[bytes, Session] = Kept(self._tokens.signed_in, now, _kept_seconds, KEPT_MAX)
        self._is_needed: Kept[None, bool] = Kept(self._read_whether_needed, now, _kept_seconds, KEPT_MAX)

    async def __call__(self, request: Request) -> Principal | None:
        """Raises Problem, AccessRefused, Unavailable."""
        sender = sender_of(request)
        secret = request.scope.get(SESSION)
        if sender.authorization is None and secret is not None and await self.is_needed():
            return await self._of_session(secret, sender.address)
        return await self.recognise(sender)

    async def recognise(self, sender: Sender) -> Principal | None:
        """Raises Problem, AccessRefused, Unavailable."""
        if sender.authorization is None:
            return None if await self.is_needed() else local(sender)
        kind, _, text = sender.authorization.partition(" ")
        token = await self._valid(text.strip(), sender.address) if kind.lower() == "bearer" else None
        if token is None:
            self._limits.failed(sender.address)
            raise Problem(UNAUTHENTICATED, "this token is not valid: it is wrong, was revoked or has expired")
        return Principal(token.name, Role(token.role), f"token {token.id}", sender.address)

    async def _of_session(self, secret: str, address: str | None) -> Principal | None:
        """The reader whose browser has signed in; None if the session or its token has ended."""
        session_hash = hash_of(secret)
        if self._kept_sessions.known(session_hash) is None:
            self._limits.check_address(address)
        session = await self._kept_sessions.get(session_hash)
        if session is None or session.expires_at <= self._store_clock.now():
            self._limits.failed(address)
            return None
        token = await self._kept.get(session.token)
        if token is None or not self._is_valid(token):
            return None
        return Principal(token.name, Role(token.role), f"session of token {token.id}", address, session_hash.hex()[:16])

    async def sign_in(self, token_id: str) -> str:
        """Begins a session with a token. Returns its secret. Raises NotFound, Unavailable."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        await self._tokens.sign_in(hash_of(secret), token_id, SESSION_SECONDS)
        return secret

    async def sign_out(self, secret: str) -> None:
        """Ends a session. Raises Unavailable."""
        await self._tokens.sign_out(hash_of(secret))
        self._kept_sessions.forget(hash_of(secret))

    async def is_needed(self) -> bool:
        """Tells whether requests need a token: there is one that is valid."""
        return bool(await self._is_needed.get(None))

    async def _read_whether_needed(self, _: Collection[None]) -> Mapping[None, bool]:
        return {None: await self._tokens.is_any_valid()}

    async def _valid(self, text: str, address: str | None) -> TokenLine | None:
        """Looks for a token in the store, unless too many from this address were wrong. One that was right before is looked for always.

        Behind a proxy all clients have one address: a client that guesses must not keep out the others.
        """
        found = TOKEN.fullmatch(text)
        if found is None or not self._was_valid(found[1], hash_of(found[2])):
            self._limits.check_address(address)
        token = await self._kept.get(found[1]) if found else None
        if found is None or token is None or not hmac.compare_digest(token.hash, hash_of(found[2])):
            return None
        return token if self._is_valid(token) else None

    def _is_valid(self, token: TokenLine) -> bool:
        is_over = token.expires_at is not None and token.expires_at <= self._store_clock.now()
        return not is_over and token.revoked_at is None

    def _was_valid(self, token_id: str, secret_hash: bytes) -> bool:
        token = self._kept.known(token_id)
        return token is not None and hmac.compare_digest(token.hash, secret_hash)

    async def _read(self, token_ids: Collection[str]) -> Mapping[str, TokenLine]:
        found = await self._tokens.find(token_ids)
        due = [token.id for token in found.values() if token.revoked_at is None and self._is_use_due(token)]
        if due:
            await self._tokens.used(due)
        return found

    def _is_use_due(self, token: TokenLine) -> bool:
        """Tells whether the store has to learn that a token is used."""
        return token.used_at is None or self._store_clock.now() - token.used_at >= USED_SECONDS
