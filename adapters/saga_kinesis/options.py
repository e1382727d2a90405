"""What the URL of a Kinesis bus says.

kinesis://REGION?name=value&...                the credentials are those of the AWS chain: environment, profile, role
kinesis://KEY:SECRET@REGION?name=value&...     credentials in the URL; special characters as %XX
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from saga.core.duration import duration_ms
from saga.errors import SagaError, UsageError

LEASES_DEFAULT: Final = "$SAGA_STORE"  # beside the saga tables
LEASES_WANTED: Final = (
    "the Kinesis bus keeps its leases in a Postgres: set SAGA_STORE, or say leases=postgresql://... in the bus's URL"
)
SHARDS_MAX: Final = 10_000
RETENTION_HOURS: Final = (24, 8760)  # what Kinesis allows
LEASE_SECONDS_MIN: Final = 1.0
_REGION: Final = re.compile(r"[a-z0-9-]{1,32}")
_PREFIX: Final = re.compile(r"[a-zA-Z0-9_.-]{0,60}")
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_YES: Final = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class Options:
    """Every parameter of the URL, with its default. Durations are in seconds here and written as "200ms", "10s" there."""

    region: str
    access_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    profile: str = ""
    """A profile of the AWS configuration files."""
    endpoint_url: str = ""
    """LocalStack, moto, kinesalite or a VPC endpoint; empty: AWS's own of the region."""
    plaintext: bool = False
    """Allow an http:// endpoint_url on another machine."""
    ca: str = ""
    """A file of certificates to trust instead of the system's."""
    prefix: str = ""
    """Before the name of each stream, so that several systems share an account."""
    create: bool = False
    """Make what is missing, streams and lease tables, when it is first needed: for tests and demonstrations."""
    shards: int = 4
    """Of a stream that we make: as many processes can read it at once."""
    retention: float = 24 * 3600.0
    """How long a stream keeps records: 24h to 8760h, whole hours. Only for streams that we make."""
    leases: str = field(default=LEASES_DEFAULT, repr=False)
    """postgresql:// URL of the database with the leases, or $NAME of a variable that holds it."""
    lease: float = 10.0
    """So long after its last sign of life a reader counts as dead, and others take its shards over."""
    poll: float = 0.25
    """The shortest pause between two reads of a shard. Kinesis allows five reads a second to all readers of a shard."""
    idle: float = 1.0
    """The pause between two reads of a shard on which nothing comes; it grows from `poll` to this."""
    unacked: int = 1_000
    """Records of one shard that were read and not acknowledged yet; no more are read until some are."""
    timeout: float = 10.0
    """So long a request waits for its answer."""
    publish_timeout: float = 15.0
    """So long a batch is tried again; then its outcome is unknown."""

    @property
    def place(self) -> str:
        """The service, for people: no credentials."""
        return f"kinesis at {urlsplit(self.endpoint_url).netloc or self.region}"


def parse(url: str) -> Options:
    """Read a URL. No message contains a value that could be a secret.

    Raises:
        UsageError: a parameter is unknown, or its value is none that it can have.
    """
    parts = urlsplit(url)
    if not _REGION.fullmatch(parts.netloc.rpartition("@")[2]):
        raise UsageError("a Kinesis URL begins with kinesis://REGION, for example kinesis://eu-central-1?prefix=shop.")
    given: dict[str, Any] = {}
    for name, text in _parameters(parts.query):
        if name in given:
            raise UsageError(f"the Kinesis URL says {name}= twice")
        given[name] = _value(name, text)
    options = Options(
        region=parts.netloc.rpartition("@")[2],
        access_key=unquote(parts.username or ""),
        secret_key=unquote(parts.password or ""),
        **{**given, "leases": _lease_url(given.get("leases", LEASES_DEFAULT))},
    )
    _check(options)
    return options


def _parameters(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise UsageError("the Kinesis URL ends in name=value parameters with & between them") from None


def _value(name: str, text: str) -> object:
    reader = _READERS.get(name)
    if reader is None:
        raise UsageError(f"the Kinesis URL has no parameter {name[:40]!r}; there are {', '.join(sorted(_READERS))}")
    try:
        return reader(text)
    except (ValueError, KeyError, SagaError):
        raise UsageError(
            f"the parameter {name}= of the Kinesis URL cannot have this value: {_EXPECTED[name]}"
        ) from None


def _lease_url(given: str) -> str:
    url = os.environ.get(given[1:], "") if given.startswith("$") else given
    if not url and given == LEASES_DEFAULT:
        return ""  # who only publishes needs none; who reads is told by the lease table
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        where = f"the variable {given[1:]} names none" if given.startswith("$") else "leases= names none"
        raise UsageError(f"{where}: {LEASES_WANTED}")
    return url


def _check(options: Options) -> None:
    endpoint = urlsplit(options.endpoint_url)
    if options.endpoint_url and endpoint.scheme not in {"http", "https"}:
        raise UsageError("endpoint_url of the Kinesis URL is an http:// or https:// address")
    if endpoint.scheme == "http" and endpoint.hostname not in _LOOPBACK and not options.plaintext:
        raise UsageError(
            f"endpoint_url leads to {endpoint.hostname} without TLS: use https://, or say plaintext=yes if that network is yours"
        )
    if bool(options.access_key) != bool(options.secret_key):
        raise UsageError(
            "the Kinesis URL has one half of the credentials: KEY:SECRET@REGION, or none for the AWS chain"
        )
    if options.lease < LEASE_SECONDS_MIN:
        raise UsageError(f"lease= of the Kinesis URL is at least {LEASE_SECONDS_MIN:.0f}s")
    if not 0 < options.poll <= options.idle <= options.lease:
        raise UsageError("poll=, idle= and lease= of the Kinesis URL: each is above zero and no longer than the next")


def _seconds(text: str) -> float:
    return duration_ms(text) / 1000


def _hours(text: str) -> float:
    seconds = _seconds(text)
    low, high = RETENTION_HOURS
    if not low <= seconds / 3600 <= high or seconds % 3600:
        raise ValueError(text)
    return seconds


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not low <= (number := int(text)) <= high:
            raise ValueError(text)
        return number

    return read


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError(text)
    return text


_READERS: Final[dict[str, Callable[[str], object]]] = {
    "profile": str, "endpoint_url": str, "plaintext": _YES.__getitem__, "ca": str, "prefix": _prefix,
    "create": _YES.__getitem__, "shards": _whole(1, SHARDS_MAX), "retention": _hours, "leases": str, "lease": _seconds,
    "poll": _seconds, "idle": _seconds, "unacked": _whole(1, 10_000), "timeout": _seconds,
    "publish_timeout": _seconds,
}  # fmt: skip
_EXPECTED: Final = {
    name: "yes or no"
    if reader == _YES.__getitem__
    else 'a duration such as "200ms" or "10s"'
    if reader is _seconds
    else ""
    for name, reader in _READERS.items()
} | {
    "prefix": "at most 60 letters, digits, _, . and -",
    "retention": "whole hours from 24h to 8760h",
    "shards": f"a number from 1 to {SHARDS_MAX}",
    "unacked": "a number from 1 to 10000",
}
