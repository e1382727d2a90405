"""What a kafka:// URL says, with defaults that lose nothing."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from saga.core.duration import duration_ms
from saga.errors import SagaError, UsageError

PORT_DEFAULT: Final = 9092
REQUEST_SECONDS: Final = 12.0  # a broker that is silent for so long is away; longer than a session
METADATA_SECONDS: Final = 15  # how soon a topic that was made again, or has more partitions, is noticed
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SERVER: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{0,100}")
_LOOPBACK: Final = ("localhost", "127.", "[::1]")


@dataclass(frozen=True, slots=True)
class Options:
    """Where the brokers are, and what our topics are like. The password is in no representation of it."""

    servers: tuple[str, ...]
    is_tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: str = "SCRAM-SHA-512"
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    prefix: str = ""
    partitions: int = 12
    replication: int = 3
    min_insync: int = 2
    retention_ms: int = 7 * 86_400_000
    create: bool = False
    instance: str | None = None
    session_ms: int = 10_000

    @classmethod
    def read(cls, url: str) -> Self:
        """Raises UsageError; no message contains the password."""
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        given = _given(parts)
        copies = _whole(given.get("replication", "3"))
        options = cls(
            servers=tuple(_server(host) for host in hosts.split(",")),
            is_tls=parts.scheme == "kafka+ssl",
            user=unquote(user) or None,
            password=unquote(password) if user else None,
            **{
                "min_insync": 2 if copies >= 3 else 1,  # noqa: PLR2004 - of two copies one may be away
                **{_FIELDS.get(name, name): _OPTIONS[name](value) for name, value in given.items()},
            },  # type: ignore[arg-type]
        )
        options.check()
        return options

    def check(self) -> None:
        """Raises UsageError: two settings that do not go together."""
        if self.min_insync > self.replication:
            raise UsageError(
                f"kafka: min_insync={self.min_insync} of {self.replication} copies can never be met: nothing could be published"
            )
        if self.mechanism == "PLAIN" and self.user and not self.is_tls and not self._is_local():
            raise UsageError("kafka: PLAIN sends the password in clear: use kafka+ssl://, or mechanism=SCRAM-SHA-512")
        if (self.ca or self.cert or self.key) and not self.is_tls:
            raise UsageError("kafka: ca, cert and key are of TLS: use kafka+ssl://")
        if bool(self.cert) != bool(self.key):
            raise UsageError("kafka: cert and key go together")

    @property
    def place(self) -> str:
        """For messages, without credentials."""
        return f"kafka {','.join(self.servers)}"

    def client(self) -> dict[str, object]:
        """The arguments that every client of the driver takes. Raises UsageError: a file of TLS cannot be read."""
        sasl = {
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }
        return {
            "bootstrap_servers": list(self.servers),
            "client_id": "saga",
            "request_timeout_ms": int(max(REQUEST_SECONDS * 1000, self.session_ms + 2_000)),
            "metadata_max_age_ms": METADATA_SECONDS * 1000,
            "security_protocol": ("SASL_" if self.user else "") + ("SSL" if self.is_tls else "PLAINTEXT")
            if self.user or self.is_tls
            else "PLAINTEXT",
            "ssl_context": self._context() if self.is_tls else None,
            **(sasl if self.user else {}),
        }

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert and self.key:
                context.load_cert_chain(self.cert, self.key)
        except OSError as error:
            files = ", ".join(name for name in (self.ca, self.cert, self.key) if name)
            raise UsageError(f"kafka: cannot use the files of TLS ({files}): {error}") from error
        return context

    def _is_local(self) -> bool:
        return all(server.startswith(_LOOPBACK) for server in self.servers)


def _given(parts: SplitResult) -> dict[str, str]:
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(given.keys() - _OPTIONS.keys())
    if unknown:
        raise UsageError(f"kafka: unknown in the URL: {', '.join(unknown)}. It may say {', '.join(sorted(_OPTIONS))}")
    if parts.path not in {"", "/"}:
        raise UsageError("kafka: the URL has a path, which means nothing here: say ?prefix=...")
    return given


def _server(text: str) -> str:
    match = _SERVER.fullmatch(text)
    if match is None:
        raise UsageError(
            "kafka: servers are written as kafka://host:port,host:port; special characters of a password as %XX (@ is %40)"
        )
    return f"{match[1]}:{match[2] or PORT_DEFAULT}"


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10_000:  # noqa: PLR2004 - far above what anybody has
        raise UsageError(f"kafka: {text[:20]!r} is no whole number from 1 to 10000")
    return int(text)


def _milliseconds(text: str) -> int:
    try:
        return duration_ms(text)
    except SagaError as error:
        raise UsageError(f"kafka: {error}") from error


def _session(text: str) -> int:
    milliseconds = _milliseconds(text)
    if not 6_000 <= milliseconds <= 1_800_000:  # noqa: PLR2004 - what brokers accept by default
        raise UsageError(f"kafka: session={text[:20]}: brokers accept 6s to 30m")
    return milliseconds


def _flag(text: str) -> bool:
    if text not in {"0", "1"}:
        raise UsageError(f"kafka: create={text[:20]!r}: say 1 or 0")
    return text == "1"


def _name(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise UsageError(f"kafka: {text[:20]!r}: a prefix or instance has at most 100 of A-Z, a-z, 0-9, . _ -")
    return text


def _mechanism(text: str) -> str:
    if text not in MECHANISMS:
        raise UsageError(f"kafka: mechanism={text[:20]!r}: one of {', '.join(MECHANISMS)}")
    return text


_OPTIONS: Final[Mapping[str, Callable[[str], object]]] = {
    "mechanism": _mechanism,
    "ca": str,
    "cert": str,
    "key": str,
    "prefix": _name,
    "partitions": _whole,
    "replication": _whole,
    "min_insync": _whole,
    "retention": _milliseconds,
    "create": _flag,
    "instance": _name,
    "session": _session,
}
_FIELDS: Final = {"retention": "retention_ms", "session": "session_ms"}
