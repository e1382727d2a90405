"""The options of a kinesis:// URL.

kinesis://REGION?name=value&...                the credentials are those of the AWS chain: environment, profile, role
kinesis://KEY:SECRET@REGION?name=value&...     credentials in the URL; special characters as %XX
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

from saga.core.duration import duration_ms
from saga.ports.url.adapter_url import AdapterUrl
from saga.ports.url.option import Option, duration, file_path, flag, identifier, text, whole_number

LEASES_DEFAULT: Final = "$SAGA_STORE"  # the database of the saga tables
LEASES_HINT: Final = (
    "the Kinesis bus keeps its leases in Postgres: set SAGA_STORE, or write leases=postgresql://... in the bus URL"
)
HOUR_MS: Final = 3_600_000
RETENTION_HOURS: Final = (24, 8760)  # what Kinesis allows
_REGION: Final = re.compile(r"[a-z0-9-]{1,32}")
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}


def _whole_hours_ms(value: str) -> int:
    milliseconds = duration_ms(value)
    low, high = RETENTION_HOURS
    if milliseconds % HOUR_MS or not low <= milliseconds // HOUR_MS <= high:
        raise ValueError
    return milliseconds


PROFILE: Final = text("profile")
ENDPOINT_URL: Final = text("endpoint_url")
PLAINTEXT: Final = flag("plaintext")
CA: Final = file_path("ca")
PREFIX: Final = identifier("prefix", chars_max=60)
CREATE: Final = flag("create")
SHARDS: Final = whole_number("shards", 4, low=1, high=10_000)
RETENTION: Final = Option("retention", 24 * HOUR_MS, "whole hours from 24h to 8760h", _whole_hours_ms)
LEASES: Final = text("leases", LEASES_DEFAULT)
LEASE: Final = duration("lease", 10_000)
POLL: Final = duration("poll", 250)
IDLE: Final = duration("idle", 1_000)
UNACKED: Final = whole_number("unacked", 1_000, low=1, high=10_000)
TIMEOUT: Final = duration("timeout", 10_000)
PUBLISH_TIMEOUT: Final = duration("publish_timeout", 15_000)
OPTIONS: Final = (
    PROFILE, ENDPOINT_URL, PLAINTEXT, CA, PREFIX, CREATE, SHARDS, RETENTION, LEASES, LEASE, POLL, IDLE, UNACKED,
    TIMEOUT, PUBLISH_TIMEOUT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the URL. Durations are in seconds here, and written as "200ms" or "10s" in the URL."""

    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    profile: str
    """A profile of the AWS configuration files."""
    endpoint_url: str
    """LocalStack, moto, kinesalite or a VPC endpoint; empty: AWS's own endpoint of the region."""
    ca: str
    """A file of certificates to trust instead of the system's."""
    prefix: str
    """The prefix of each stream name, so that several systems can share an account."""
    create: bool
    """True to create missing streams and lease tables on first use: for tests and demonstrations."""
    shards: int
    """Shards of a stream that Saga creates: the maximum number of processes that read it at the same time."""
    retention_seconds: float
    """Retention of a stream that Saga creates: whole hours from 24h to 8760h."""
    leases: str = field(repr=False)
    """postgresql:// URL of the database with the leases; empty if only publishing is possible."""
    lease_seconds: float
    """A reader without a sign of life for this long counts as dead, and others take over its shards."""
    poll_seconds: float
    """The shortest pause between two reads of a shard. Kinesis allows five reads a second to all readers of a shard."""
    idle_seconds: float
    """The pause between two reads of an idle shard; it grows from `poll_seconds` to this."""
    unacknowledged_max: int
    """Maximum number of unacknowledged records of one shard; reading pauses at this number."""
    timeout_seconds: float
    """Timeout of a request."""
    publish_timeout_seconds: float
    """Time for which a batch is retried; after that its outcome is unknown."""

    @classmethod
    def read(cls, url_text: str) -> Self:
        """Raises UsageError; no message contains a value that could be a secret."""
        url = AdapterUrl.read(url_text, OPTIONS, is_strict=True)
        if not _REGION.fullmatch(url.host):
            raise url.refusal(
                "a region is expected: write kinesis://REGION, such as kinesis://eu-central-1?prefix=shop."
            )
        options = cls(
            region=url.host,
            access_key=url.user,
            secret_key=url.password,
            profile=url.value(PROFILE),
            endpoint_url=url.value(ENDPOINT_URL),
            ca=url.value(CA),
            prefix=url.value(PREFIX),
            create=url.value(CREATE),
            shards=url.value(SHARDS),
            retention_seconds=url.value(RETENTION) / 1000,
            leases=_lease_url(url),
            lease_seconds=url.value(LEASE) / 1000,
            poll_seconds=url.value(POLL) / 1000,
            idle_seconds=url.value(IDLE) / 1000,
            unacknowledged_max=url.value(UNACKED),
            timeout_seconds=url.value(TIMEOUT) / 1000,
            publish_timeout_seconds=url.value(PUBLISH_TIMEOUT) / 1000,
        )
        options._check(url, allows_plaintext=url.value(PLAINTEXT))
        return options

    def _check(self, url: AdapterUrl, *, allows_plaintext: bool) -> None:
        """Raises UsageError if two options contradict each other."""
        endpoint = urlsplit(self.endpoint_url)
        if self.endpoint_url and endpoint.scheme not in {"http", "https"}:
            raise url.refusal("option endpoint_url must be an http:// or https:// address")
        if endpoint.scheme == "http" and endpoint.hostname not in _LOOPBACK and not allows_plaintext:
            raise url.refusal(
                f"endpoint_url leads to {endpoint.hostname} without TLS: use https://, or plaintext=yes on a private network"
            )
        if bool(self.access_key) != bool(self.secret_key):
            raise url.refusal(
                "half of the credentials is missing: write KEY:SECRET@REGION, or neither to use the AWS chain"
            )
        if self.lease_seconds < 1:
            raise url.refusal("option lease must be at least 1s")
        if not 0 < self.poll_seconds <= self.idle_seconds <= self.lease_seconds:
            raise url.refusal("poll must be above zero, not longer than idle, and idle not longer than lease")

    @property
    def place(self) -> str:
        """The service, for messages: without credentials."""
        return f"kinesis at {urlsplit(self.endpoint_url).netloc or self.region}"


def _lease_url(url: AdapterUrl) -> str:
    given = url.value(LEASES)
    leases = os.environ.get(given[1:], "") if given.startswith("$") else given
    if not leases and given == LEASES_DEFAULT:
        return ""  # a process that only publishes needs none; a reader gets the error of the lease table
    if urlsplit(leases).scheme not in {"postgresql", "postgres"}:
        where = f"environment variable {given[1:]}" if given.startswith("$") else "option leases"
        raise url.refusal(f"{where} is not a postgresql:// URL: {LEASES_HINT}")
    return leases
