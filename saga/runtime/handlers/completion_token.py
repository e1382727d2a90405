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

_BODY: Final = struct.Struct(">16sHH")
_MAC_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Completable:
    """The attempt at a step that a token stands for. `failures`: the number of failed attempts before it."""

    saga: UUID
    step: int
    failures: int

    @property
    def event(self) -> str:
        """The id of the event that completes this attempt."""
        return f"{COMPLETION_PREFIX}{self.step}.{self.failures}"


def token_of(claim: Claim, key: bytes) -> str:
    """The token of an attempt: the same however often the attempt is repeated, and nobody without the key can make it."""
    body = _BODY.pack(claim.saga.bytes, claim.step, claim.failures)
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
    saga, step, failures = _BODY.unpack(body)
    return Completable(UUID(bytes=saga), step, failures)


def _mac(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, hashlib.sha256)[:_MAC_BYTES]
