"""Keys and JWTs of a NATS operator with two accounts and a user, made as its own tools make them."""

from __future__ import annotations

import json
from base64 import b32encode, urlsafe_b64encode
from binascii import crc_hqx
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OPERATOR: Final = 14 << 3
ACCOUNT: Final = 0
USER: Final = 20 << 3
SEED: Final = 18 << 3
UNLIMITED: Final = -1
OF_AN_ACCOUNT: Final = (
    "subs",
    "data",
    "payload",
    "imports",
    "exports",
    "conn",
    "leaf",
    "mem_storage",
    "disk_storage",
    "streams",
    "consumer",
)


@dataclass(frozen=True, slots=True)
class Nkey:
    """An Ed25519 key of one of the three kinds."""

    kind: int
    key: Ed25519PrivateKey

    @classmethod
    def new(cls, kind: int) -> Self:
        return cls(kind, Ed25519PrivateKey.generate())

    @property
    def public(self) -> str:
        return _text(bytes([self.kind]) + self.key.public_key().public_bytes_raw())

    @property
    def seed(self) -> str:
        """The kind is in the last three bits of the first byte and the first five of the second."""
        return _text(bytes([SEED | self.kind >> 5, (self.kind & 31) << 3]) + self.key.private_bytes_raw())

    def signed(self, subject: Nkey, claims: dict[str, object]) -> str:
        """A JWT that this key has signed for another one."""
        body = {
            "jti": "1",
            "iat": 1_700_000_000,
            "iss": self.public,
            "sub": subject.public,
            "name": "test",
            "nats": claims,
        }
        head = f"{_encoded({'typ': 'JWT', 'alg': 'ed25519-nkey'})}.{_encoded(body)}"
        return f"{head}.{urlsafe_b64encode(self.key.sign(head.encode())).decode().rstrip('=')}"


def operated(folder: Path) -> tuple[str, Path]:
    """The configuration of a server that trusts an operator, and a user's credentials file."""
    operator, system, account, user = (Nkey.new(kind) for kind in (OPERATOR, ACCOUNT, ACCOUNT, USER))
    limits = {**dict.fromkeys(OF_AN_ACCOUNT, UNLIMITED), "wildcards": True}
    plain = {"type": "account", "version": 2, "limits": {**limits, "mem_storage": 0, "disk_storage": 0}}
    with_streams = {"type": "account", "version": 2, "limits": limits}
    of_user = {
        "type": "user",
        "version": 2,
        "pub": {},
        "sub": {},
        "subs": UNLIMITED,
        "data": UNLIMITED,
        "payload": UNLIMITED,
    }
    creds = folder / "user.creds"
    creds.write_text(
        f"-----BEGIN NATS USER JWT-----\n{account.signed(user, of_user)}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )
    configuration = (
        f"operator: {operator.signed(operator, {'type': 'operator', 'version': 2})}\nsystem_account: {system.public}\n"
        f"resolver: MEMORY\nresolver_preload: {{ {system.public}: {operator.signed(system, plain)}\n"
        f"{account.public}: {operator.signed(account, with_streams)} }}\n"
    )
    return configuration, creds


def _text(raw: bytes) -> str:
    return b32encode(raw + crc_hqx(raw, 0).to_bytes(2, "little")).decode().rstrip("=")


def _encoded(document: object) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
