"""What a notification carries is for the processes of its namespace only: PostgreSQL lets every role of the database listen and notify."""

from __future__ import annotations

import hmac
import os
import time
from base64 import b64encode
from binascii import a2b_base64
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from saga.errors import ProtocolViolation

KEY: Final = "select key from secret where name = 'notifications'"
SENDER_BYTES: Final = 16
NONCE_BYTES: Final = 12
SENDERS_MAX: Final = 1_000
_HEAD_BYTES: Final = SENDER_BYTES + NONCE_BYTES
_NOT_OURS: Final = "a notification was not sealed for this process by one of its namespace"


class MessageCipher:
    """Encrypts and authenticates (AES-256-GCM) with the key in the table `secret`, which only the roles of the processes may read.

    Every seal closes with a key of its own, derived for a random number that goes with each payload, and counts its nonces: none of them
    comes twice. A payload opens once: what is seen again within `memory_seconds` is refused, and older ones tell of leases that have ended.
    """

    def __init__(self, memory_seconds: float) -> None:
        self._memory_seconds = memory_seconds
        self._key = b""
        self._sender = os.urandom(SENDER_BYTES)
        self._closed = 0
        self._ciphers: dict[bytes, AESGCM] = {}
        self._seen: set[bytes] = set()
        self._seen_before: set[bytes] = set()
        self._seen_since = 0.0

    def use(self, key: bytes) -> None:
        """Take the key of the namespace, 32 bytes."""
        self._key = key
        self._ciphers = {self._sender: self._cipher_of(self._sender)}

    def close(self, place: str, data: bytes) -> str:
        """The data for those who know the key, at this place only; base64."""
        self._closed += 1
        nonce = self._closed.to_bytes(NONCE_BYTES, "big")
        return b64encode(
            self._sender + nonce + self._ciphers[self._sender].encrypt(nonce, data, place.encode())
        ).decode()

    def open(self, place: str, payload: str) -> bytes:
        """What was closed.

        Raises:
            ProtocolViolation: it was not closed with this key and for this place, or it was opened before.
        """
        try:
            sealed = a2b_base64(payload)
        except ValueError:
            raise ProtocolViolation(_NOT_OURS) from None
        sender, head = sealed[:SENDER_BYTES], sealed[:_HEAD_BYTES]
        cipher = self._ciphers.get(sender) or self._cipher_of(sender)
        try:
            data = cipher.decrypt(head[SENDER_BYTES:], sealed[_HEAD_BYTES:], place.encode())
        except (InvalidTag, ValueError):  # ValueError: too short
            raise ProtocolViolation(_NOT_OURS) from None
        self._keep(sender, cipher)
        if not self._is_new(head):
            raise ProtocolViolation("a notification came a second time")
        return data

    def _cipher_of(self, sender: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._key, b"notifications of " + sender, "sha256"))

    def _keep(self, sender: bytes, cipher: AESGCM) -> None:
        """Of those who have proved to know the key, and never of too many."""
        if sender not in self._ciphers:
            if len(self._ciphers) > SENDERS_MAX:
                self._ciphers = {self._sender: self._ciphers[self._sender]}
            self._ciphers[sender] = cipher

    def _is_new(self, mark: bytes) -> bool:
        now = time.monotonic()
        if now - self._seen_since > self._memory_seconds:
            self._seen_before, self._seen, self._seen_since = self._seen, set(), now
        if mark in self._seen or mark in self._seen_before:
            return False
        self._seen.add(mark)
        return True
