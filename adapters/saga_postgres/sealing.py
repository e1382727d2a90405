"""What a notification carries is for the processes of its namespace only: PostgreSQL lets every role of the database listen and notify."""

from __future__ import annotations

import time
from base64 import b64decode, urlsafe_b64encode
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from saga.errors import ProtocolViolation

KEY: Final = "select key from secret where name = 'notifications'"
_IV: Final = slice(9, 25)  # of a Fernet token: behind version and time


class Seal:
    """Encrypts and authenticates with the key in the table `secret`, which only the roles of the processes may read.

    A payload opens once: what is seen again within `memory_seconds` is refused, and older ones tell of leases that have ended.
    """

    def __init__(self, memory_seconds: float) -> None:
        self._memory_seconds = memory_seconds
        self._fernet: Fernet | None = None
        self._seen: set[bytes] = set()
        self._seen_before: set[bytes] = set()
        self._seen_since = 0.0

    def use(self, key: bytes) -> None:
        """Take the key of the namespace, 32 bytes."""
        self._fernet = Fernet(urlsafe_b64encode(key))

    def close(self, place: str, data: bytes) -> str:
        """The data for those who know the key, at this place only; base64."""
        assert self._fernet is not None  # noqa: S101 (the key is read when the store is opened)
        return self._fernet.encrypt(place.encode() + b"\n" + data).decode()

    def open(self, place: str, payload: str) -> bytes:
        """What was closed.

        Raises:
            ProtocolViolation: it was not closed with this key and for this place, or it was opened before.
        """
        assert self._fernet is not None  # noqa: S101 (as above)
        try:
            whose, _, data = self._fernet.decrypt(payload).partition(b"\n")
        except InvalidToken:
            raise ProtocolViolation("a notification was not sealed by a process of this namespace") from None
        if whose != place.encode():
            raise ProtocolViolation("a notification was meant for another process")
        if not self._is_new(b64decode(payload, altchars=b"-_")[_IV]):
            raise ProtocolViolation("a notification came a second time")
        return data

    def _is_new(self, mark: bytes) -> bool:
        now = time.monotonic()
        if now - self._seen_since > self._memory_seconds:
            self._seen_before, self._seen, self._seen_since = self._seen, set(), now
        if mark in self._seen or mark in self._seen_before:
            return False
        self._seen.add(mark)
        return True
