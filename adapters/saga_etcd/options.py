"""What an etcd:// URL says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import grpc

from saga.errors import UsageError

PORT: Final = 2379
TTL_SECONDS: Final = 5
TTL_SECONDS_MIN: Final = 2  # a default server grants no shorter lease
TTL_SECONDS_MAX: Final = 60
PARAMETERS: Final = ("ttl", "ca", "cert", "key", "tls")
_ENDPOINT: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Endpoints as host:port; PEM files for TLS; `ttl_seconds` of the lease that a candidate holds."""

    endpoints: tuple[str, ...]
    user: str | None = None
    password: str = field(default="", repr=False)
    ttl_seconds: int = TTL_SECONDS
    is_tls: bool = False
    authority: str | None = None
    certificate: str | None = None
    key: str | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """For people: without user and password."""
        return f"etcd at {','.join(self.endpoints)}"

    def credentials(self) -> grpc.ChannelCredentials | None:
        """None where the connection is not encrypted. Raises UsageError: a file cannot be read."""
        if not self.is_tls:
            return None
        return grpc.ssl_channel_credentials(_read(self.authority), _read(self.key), _read(self.certificate))


def address_of(url: str) -> Address:
    """Raises UsageError; the message holds neither user nor password."""
    parts = urlsplit(url)
    account, _, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    parameters = _parameters(parts)
    if ("cert" in parameters) != ("key" in parameters):
        raise UsageError("etcd://: `cert` and `key` belong together, two PEM files")
    return Address(
        endpoints=tuple(map(_endpoint, hosts.split(","))),
        user=unquote(user) or None,
        password=unquote(password),
        ttl_seconds=_ttl(parameters.get("ttl", str(TTL_SECONDS))),
        is_tls=parameters.get("tls") == "true" or "ca" in parameters or "cert" in parameters,
        authority=parameters.get("ca"),
        certificate=parameters.get("cert"),
        key=parameters.get("key"),
    )


def _parameters(parts: SplitResult) -> dict[str, str]:
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in parameters:
        if name not in PARAMETERS:
            raise UsageError(f"etcd:// has no parameter {name!r}, only {', '.join(PARAMETERS)}")
    if parameters.get("tls", "true") not in {"true", "false"}:
        raise UsageError("etcd://: tls is true or false")
    if parts.path.strip("/"):
        raise UsageError(f"etcd:// takes no path, and this one has {parts.path!r}: the keys begin with saga/NAMESPACE/")
    return parameters


def _endpoint(text: str) -> str:
    match = _ENDPOINT.fullmatch(text)
    if match is None:
        raise UsageError(f"etcd://: {text!r} is no host:port (several are separated by commas; IPv6 in brackets)")
    return f"{match[1]}:{match[2] or PORT}"


def _ttl(text: str) -> int:
    if not text.isdecimal() or not TTL_SECONDS_MIN <= int(text) <= TTL_SECONDS_MAX:
        raise UsageError(f"etcd://: ttl={text}: whole seconds from {TTL_SECONDS_MIN} to {TTL_SECONDS_MAX}")
    return int(text)


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"etcd://: {path} cannot be read: {error.strerror}") from error
