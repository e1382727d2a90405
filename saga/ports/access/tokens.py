"""The tokens port: who may use the API, and which browsers have signed in. A secret itself is never stored, only its hash."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from saga.core.text import storable
from saga.errors import NotFound, UsageError
from saga.ports.values.audit import Action, Audit

NAME_CHARS_MAX: Final = 100
SECRET_BYTES: Final = 32
ID_BYTES: Final = 5
CREATED: Final = "create token"
REVOKED: Final = "revoke token"
SESSIONS_MAX: Final = 100
"""Maximum number of sessions of a token."""
TOKEN: Final = re.compile(r"saga_([0-9a-f]{10})_([A-Za-z0-9_-]{43})")
"""A token: its id and its secret."""


@dataclass(frozen=True, slots=True)
class TokenLine:
    """A token as the store knows it. `id` is public. Times are in seconds since the epoch, on the store's clock.

    `hash`: SHA-256 of its secret. `expires_at`: None if it does not expire. `revoked_at`: None if it was not revoked.
    """

    id: str
    hash: bytes
    name: str
    role: str
    created_at: float
    created_by: str
    expires_at: float | None = None
    revoked_at: float | None = None
    used_at: float | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """The person or program that asks for a change of the tokens, for the audit.

    `authenticated`: how it was recognised, and `address`: from where it asked; None if no server stood between.
    """

    actor: str
    authenticated: str | None = None
    address: str | None = None

    def audit(self, action: str, token_id: str, name: str, role: str) -> Audit:
        """The line of the audit. It names the token, and nothing by which the token could be used."""
        found = {"token": token_id, "name": name, "role": role}
        asked = Action(storable(self.actor), action, None, None, self.authenticated, self.address)
        return Audit(asked, {"after": found} if action == CREATED else {"before": found})


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that has signed in. `token`: the id of the token; without it the session is nothing. `expires_at`: on the store's clock."""

    token: str
    expires_at: float


def new_token(name: str, role: str, created_by: str, expires_at: float | None) -> tuple[str, TokenLine]:
    """Makes a token. Returns its text, which is shown once and never again, and the line that the store keeps of it.

    Raises:
        UsageError: the name is empty, too long, or has a character that a store cannot keep.
    """
    if not 1 <= len(name) <= NAME_CHARS_MAX or storable(name) != name:
        raise UsageError(f"the name of a token has 1 to {NAME_CHARS_MAX} characters, without NUL: the audit shows it")
    token_id, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    line = TokenLine(token_id, hash_of(secret), name, role, 0.0, created_by, expires_at)
    return f"saga_{token_id}_{secret}", line


def hash_of(secret: str) -> bytes:
    """The hash that the store has of a secret."""
    return hashlib.sha256(secret.encode()).digest()


class Tokens(Protocol):
    """Stores tokens.

    Raises:
        AccessRefused: by every method; the user of the store's URL may not use the tokens.
        Unavailable: by every method; of those that change something, the outcome is unknown. All may be repeated.
    """

    async def add(self, token: TokenLine, by: Asker | None = None) -> None:
        """Stores a token, and the line of the audit in the same transaction. `created_at` is set by the store.

        `by`: None if only its name is known, `created_by`.

        Raises:
            AlreadyExists: there is a token of this id.
        """

    async def find(self, token_ids: Collection[str]) -> Mapping[str, TokenLine]:
        """Returns the tokens of these ids that there are, also revoked and expired ones."""

    async def list(self) -> list[TokenLine]:
        """Returns all tokens, the newest first."""

    async def revoke(self, token_id: str, by: Asker) -> None:
        """Revokes a token and ends its sessions, with a line of the audit in the same transaction. Doing it again changes nothing.

        Raises:
            NotFound: there is no such token.
        """

    async def used(self, token_ids: Collection[str]) -> None:
        """Notes that the tokens were used now."""

    async def is_any_valid(self) -> bool:
        """Tells whether there is a token that was not revoked and has not expired."""

    async def sign_in(self, session: bytes, token_id: str, seconds: float) -> None:
        """Begins a session that lasts this long. A token has at most `SESSIONS_MAX`: the oldest one ends.

        `session`: the hash of its secret.

        Raises:
            NotFound: the token is not valid any more.
        """

    async def signed_in(self, sessions: Collection[bytes]) -> Mapping[bytes, Session]:
        """Returns those of these sessions that there are and that were not ended, also expired ones."""

    async def sign_out(self, session: bytes) -> None:
        """Ends a session, if there is one."""


def unknown_token(token_id: str) -> NotFound:
    """The error of `Tokens.revoke` for an id that no token has."""
    return NotFound(f"no token has the id {token_id!r}: run `saga token ls` to see the tokens and their ids")
