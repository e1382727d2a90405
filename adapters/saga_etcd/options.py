"""The options of an etcd:// URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import grpc

from saga.errors import UsageError
from saga.ports.url.adapter_url import AdapterUrl
from saga.ports.url.option import file_path, flag, whole_number

PORT_DEFAULT: Final = 2379
TTL_SECONDS_MIN: Final = 2  # a server with default settings grants no shorter lease

TTL: Final = whole_number("ttl", 5, low=TTL_SECONDS_MIN, high=60, unit="seconds")
CA: Final = file_path("ca")
CERT: Final = file_path("cert")
KEY: Final = file_path("key")
TLS: Final = flag("tls")
OPTIONS: Final = (TTL, CA, CERT, KEY, TLS)


@dataclass(frozen=True, slots=True)
class Options:
    """`endpoints` as host:port; PEM files for TLS; `ttl_seconds` of the lease that a candidate holds."""

    endpoints: tuple[str, ...]
    user: str
    password: str = field(repr=False)
    ttl_seconds: int
    is_tls: bool
    ca: str | None
    cert: str | None
    key: str | None = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises UsageError; the message contains neither user nor password."""
        url = AdapterUrl.read(text, OPTIONS)
        url.check_no_path("the keys always begin with saga/NAMESPACE/")
        if url.has(CERT) != url.has(KEY):
            raise url.refusal("cert and key go together, two PEM files: give both, or neither")
        return cls(
            endpoints=url.servers(PORT_DEFAULT),
            user=url.user,
            password=url.password,
            ttl_seconds=url.value(TTL),
            is_tls=url.value(TLS) or url.has(CA) or url.has(CERT),
            ca=url.value(CA) if url.has(CA) else None,
            cert=url.value(CERT) if url.has(CERT) else None,
            key=url.value(KEY) if url.has(KEY) else None,
        )

    @property
    def place(self) -> str:
        """The cluster, for messages: without credentials."""
        return f"etcd at {','.join(self.endpoints)}"

    def credentials(self) -> grpc.ChannelCredentials | None:
        """None where the connection is not encrypted. Raises UsageError if a file cannot be read."""
        if not self.is_tls:
            return None
        return grpc.ssl_channel_credentials(self._content(self.ca), self._content(self.key), self._content(self.cert))

    def _content(self, path: str | None) -> bytes | None:
        if path is None:
            return None
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise UsageError(
                f"{self.place}: cannot read the TLS file {path} ({error.strerror}): check ca, cert and key of the URL"
            ) from error
