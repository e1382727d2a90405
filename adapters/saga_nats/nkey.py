"""Signs the challenge of a server with an nkey: an Ed25519 key whose seed is in a file."""

from __future__ import annotations

import re
from base64 import b32decode, b32encode, b64encode
from binascii import crc_hqx
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

USER_PREFIX: Final = 20 << 3
"""The first byte of the public key of a user: the letter U."""
SEED_PREFIX_BYTES: Final = 2
SEED_BYTES: Final = 32
CHECKSUM_BYTES: Final = 2
_SEED: Final = re.compile(r"^(SU[A-Z2-7]{56})\s*$", re.MULTILINE)
_JWT: Final = re.compile(r"-BEGIN NATS USER JWT-+\s+([\w.-]+)\s")


@dataclass(frozen=True, slots=True)
class UserKey:
    """The key of a user, and the JWT that an account has signed for it; without one, the server knows the public key."""

    key: Ed25519PrivateKey
    jwt: str

    @classmethod
    def read(cls, path: str) -> Self:
        """The key in a file: the seed alone, or a credentials file. Raises OSError, ValueError: the file has no valid seed of a user."""
        text = Path(path).read_text()
        seed, jwt = _SEED.search(text), _JWT.search(text)
        if seed is None:
            raise ValueError("it has no seed of a user, which begins with SU")
        raw = b32decode(seed[1] + "=" * (-len(seed[1]) % 8))
        if crc_hqx(raw[:-CHECKSUM_BYTES], 0).to_bytes(CHECKSUM_BYTES, "little") != raw[-CHECKSUM_BYTES:]:
            raise ValueError("the checksum of its seed is wrong")
        private = raw[SEED_PREFIX_BYTES : SEED_PREFIX_BYTES + SEED_BYTES]
        return cls(Ed25519PrivateKey.from_private_bytes(private), jwt[1] if jwt else "")

    @property
    def public(self) -> str:
        """The public key as NATS writes it."""
        raw = bytes([USER_PREFIX]) + self.key.public_key().public_bytes_raw()
        return b32encode(raw + crc_hqx(raw, 0).to_bytes(CHECKSUM_BYTES, "little")).decode().rstrip("=")

    def sign(self, challenge: str) -> bytes:
        return b64encode(self.key.sign(challenge.encode()))
