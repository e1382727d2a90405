"""The token with which another system completes an external step."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from saga.errors import UsageError
from saga.ports.inbox import COMPLETION_PREFIX
from saga.ports.values.claim import Claim

_BODY: Final = struct.Struct(">16sHQ")
_MAC_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Completable:
    """The attempt at a step that a token stands for. `claim`: the number of its claim, so that each attempt has an event of its own."""

    saga: UUID
    step: int
    claim: int

    @property
    def event(self) -> str:
        """The id of the event that completes this attempt."""
        return f"{COMPLETION_PREFIX}{self.step}.{self.claim}"


def token_of(claim: Claim, key: bytes) -> str:
    """The token of an attempt. It cannot be made without the key."""
    body = _BODY.pack(claim.saga.bytes, claim.step, claim.number)
    return base64.urlsafe_b64encode(body + _mac(body, key)).rstrip(b"=").decode()


def completable_of(token: str, key: bytes) -> Completable:
    """Reads a token. Raises UsageError: it is not one, or was changed."""
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, TypeError, binascii.Error):
        data = b""
    body, mac = data[: _BODY.size], data[_BODY.size :]
    if len(body) != _BODY.size or not hmac.compare_digest(mac, _mac(body, key)):
        raise UsageError(
            "this is not the token of a step: pass ctx.token of the handler that raised Pending, unchanged"
        )
    saga, step, number = _BODY.unpack(body)
    return Completable(UUID(bytes=saga), step, number)


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_MAC_BYTES]
