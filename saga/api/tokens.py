"""Tokens: `saga_ID_SECRET` in the Authorization header. The store has the id and the hash of the secret."""

from __future__ import annotations

import hmac
from typing import Final

from fastapi import Request

from saga.api.limits import Limits
from saga.api.principals import Principal, Role, Sender, local, sender_of
from saga.api.problems import UNAUTHENTICATED, Problem
from saga.ports.access.tokens import TOKEN, TokenLine, Tokens, hash_of
from saga.ports.adapter import StoreAdapter
from saga.ports.clock import Clock
from saga.runtime.timing.store_clock import StoreClock

KEPT_SECONDS: Final = 2.0
"""For how long a process relies on what it has read about a token; a revoked one is refused after that."""
KEPT_TOKENS_MAX: Final = 1_000


class TokenAuthentication:
    """Recognises the senders of requests by their tokens. As long as there is no valid token, only this machine is answered."""

    def __init__(self, adapter: StoreAdapter, clock: Clock, store_clock: StoreClock, limits: Limits) -> None:
        self._tokens: Tokens = adapter.tokens
        self._limits = limits
        self._clock = clock
        self._store_clock = store_clock
        self._kept: dict[str, tuple[float, TokenLine | None]] = {}
        self._is_needed: tuple[float, bool] = (float("-inf"), False)

    async def __call__(self, request: Request) -> Principal | None:
        """Raises Problem, AccessRefused, Unavailable."""
        return await self.recognise(sender_of(request))

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

    async def is_needed(self) -> bool:
        """Tells whether requests need a token: there is one that is valid."""
        read_at, is_needed = self._is_needed
        now = self._clock.monotonic()
        if now - read_at >= KEPT_SECONDS:
            is_needed = await self._tokens.is_any_valid()
            self._is_needed = now, is_needed
        return is_needed

    async def _valid(self, text: str, address: str | None) -> TokenLine | None:
        """Looks for a token in the store, unless too many from this address were wrong. One that was right before is looked for always.

        Behind a proxy all clients have one address: a client that guesses must not keep out the others.
        """
        found = TOKEN.fullmatch(text)
        if found is None or not self._was_valid(found[1], hash_of(found[2])):
            self._limits.check_address(address)
        token = await self._read(found[1]) if found else None
        if found is None or token is None or not hmac.compare_digest(token.hash, hash_of(found[2])):
            return None
        is_over = token.expires_at is not None and token.expires_at <= self._store_clock.now()
        return None if is_over or token.revoked_at is not None else token

    def _was_valid(self, token_id: str, secret_hash: bytes) -> bool:
        _, token = self._kept.get(token_id, (0.0, None))
        return token is not None and hmac.compare_digest(token.hash, secret_hash)

    async def _read(self, token_id: str) -> TokenLine | None:
        now = self._clock.monotonic()
        read_at, token = self._kept.get(token_id, (float("-inf"), None))
        if now - read_at >= KEPT_SECONDS:
            token = await self._tokens.find(token_id)
            if len(self._kept) >= KEPT_TOKENS_MAX:
                self._kept.clear()
            self._kept[token_id] = now, token
            if token is not None and token.revoked_at is None:
                await self._tokens.used(token_id)
        return token
