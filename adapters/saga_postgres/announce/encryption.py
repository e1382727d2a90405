"""Notifications that carry data are encrypted: PostgreSQL lets every role of the database listen and notify."""

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
_NOT_OURS: Final = "a notification was not encrypted for this process by a process of its namespace"


class MessageCipher:
    """Encrypts and authenticates (AES-256-GCM) with the key in the table `secret`, which only the roles of the processes may read.

    Every cipher encrypts with a key of its own, derived from a random number that goes with each payload, and counts its nonces: none is
    used twice. A payload is decrypted once: a replay within `memory_seconds` is refused, and an older one is about leases that have
    ended.
    """

    def __init__(self, memory_seconds: float) -> None:
        self._memory_seconds = memory_seconds
        self._key = b""
        self._sender = os.urandom(SENDER_BYTES)
        self._encrypted = 0
        self._ciphers: dict[bytes, AESGCM] = {}
        self._seen: set[bytes] = set()
        self._seen_before: set[bytes] = set()
        self._seen_since = 0.0

    def use(self, key: bytes) -> None:
        """Sets the key of the namespace, 32 bytes."""
        self._key = key
        self._ciphers = {self._sender: self._cipher_of(self._sender)}

    def encrypt(self, place: str, data: bytes) -> str:
        """Encrypts data for processes that know the key, valid at this place only. Returns base64."""
        self._encrypted += 1
        nonce = self._encrypted.to_bytes(NONCE_BYTES, "big")
        return b64encode(
            self._sender + nonce + self._ciphers[self._sender].encrypt(nonce, data, place.encode())
        ).decode()

    def decrypt(self, place: str, payload: str) -> bytes:
        """Decrypts what `encrypt` returned.

        Raises:
            ProtocolViolation: it was not encrypted with this key and for this place, or it was decrypted before.
        """
        try:
            encrypted = a2b_base64(payload)
        except ValueError:
            raise ProtocolViolation(_NOT_OURS) from None
        sender, head = encrypted[:SENDER_BYTES], encrypted[:_HEAD_BYTES]
        cipher = self._ciphers.get(sender) or self._cipher_of(sender)
        try:
            data = cipher.decrypt(head[SENDER_BYTES:], encrypted[_HEAD_BYTES:], place.encode())
        except (InvalidTag, ValueError):  # ValueError: too short
            raise ProtocolViolation(_NOT_OURS) from None
        self._remember(sender, cipher)
        self._mark_seen(head)
        return data

    def _cipher_of(self, sender: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._key, b"notifications of " + sender, "sha256"))

    def _remember(self, sender: bytes, cipher: AESGCM) -> None:
        """Keeps the ciphers of a limited number of senders, which have proved that they know the key."""
        if sender not in self._ciphers:
            if len(self._ciphers) > SENDERS_MAX:
                self._ciphers = {self._sender: self._ciphers[self._sender]}
            self._ciphers[sender] = cipher

    def _mark_seen(self, head: bytes) -> None:
        """Raises ProtocolViolation if it was seen before."""
        now = time.monotonic()
        if now - self._seen_since > self._memory_seconds:
            self._seen_before, self._seen, self._seen_since = self._seen, set(), now
        if head in self._seen or head in self._seen_before:
            raise ProtocolViolation("a notification came a second time")
        self._seen.add(head)
