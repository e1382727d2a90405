"""The options of a kafka:// URL. The defaults lose no message."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from saga.ports.url.adapter_url import AdapterUrl
from saga.ports.url.option import choice, duration, flag, identifier, whole_number
from saga.ports.url.tls import TLS_OPTIONS, TlsFiles, are_on_this_machine

PORT_DEFAULT: Final = 9092
COUNT_MAX: Final = 10_000  # of partitions or copies; far above what a cluster has
NAME_CHARS_MAX: Final = 100
REQUEST_SECONDS: Final = 12.0  # timeout of a request; longer than a session
METADATA_SECONDS: Final = 15  # how soon a recreated topic, or a new partition, is noticed

MECHANISM: Final = choice("mechanism", "SCRAM-SHA-512", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
PREFIX: Final = identifier("prefix", chars_max=NAME_CHARS_MAX)
PARTITIONS: Final = whole_number("partitions", 12, low=1, high=COUNT_MAX)
REPLICATION: Final = whole_number("replication", 3, low=1, high=COUNT_MAX)
MIN_INSYNC: Final = whole_number("min_insync", 2, low=1, high=COUNT_MAX)
RETENTION: Final = duration("retention", 7 * 86_400_000)
CREATE: Final = flag("create")
INSTANCE: Final = identifier("instance", chars_max=NAME_CHARS_MAX)
SESSION: Final = duration("session", 10_000, low_ms=6_000, high_ms=1_800_000)  # what brokers accept by default
OPTIONS: Final = (
    MECHANISM, *TLS_OPTIONS, PREFIX, PARTITIONS, REPLICATION, MIN_INSYNC, RETENTION, CREATE, INSTANCE, SESSION,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """The brokers, and the settings of the topics that Saga creates. Its representation omits the password."""

    servers: tuple[str, ...]
    is_tls: bool
    user: str
    password: str = field(repr=False)
    mechanism: str
    tls: TlsFiles
    prefix: str
    partitions: int
    replication: int
    min_insync: int
    retention_ms: int
    create: bool
    instance: str | None
    session_ms: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises UsageError; no message contains the password."""
        url = AdapterUrl.read(text, OPTIONS)
        url.check_no_path("write a prefix of the topic names as ?prefix=...")
        replication = url.value(REPLICATION)
        min_insync_default = 2 if replication >= 3 else 1  # noqa: PLR2004 - with two copies, one may be away
        options = cls(
            servers=url.servers(PORT_DEFAULT),
            is_tls=url.scheme == "kafka+ssl",
            user=url.user,
            password=url.password,
            mechanism=url.value(MECHANISM),
            tls=TlsFiles.read(url, tls_scheme="kafka+ssl"),
            prefix=url.value(PREFIX),
            partitions=url.value(PARTITIONS),
            replication=replication,
            min_insync=url.value(MIN_INSYNC) if url.has(MIN_INSYNC) else min_insync_default,
            retention_ms=url.value(RETENTION),
            create=url.value(CREATE),
            instance=url.value(INSTANCE) if url.has(INSTANCE) else None,
            session_ms=url.value(SESSION),
        )
        options._check(url)
        return options

    def _check(self, url: AdapterUrl) -> None:
        """Raises UsageError if two options contradict each other."""
        if self.min_insync > self.replication:
            raise url.refusal(
                f"min_insync={self.min_insync} of {self.replication} copies can never be met, so nothing could be"
                " published: lower min_insync or raise replication"
            )
        if self.mechanism == "PLAIN" and self.user and not self.is_tls and not are_on_this_machine(self.servers):
            raise url.refusal(
                "mechanism PLAIN sends the password in clear text: use kafka+ssl:// or mechanism=SCRAM-SHA-512"
            )

    @property
    def place(self) -> str:
        """The cluster, for messages: without credentials."""
        return f"kafka {','.join(self.servers)}"

    def client(self) -> dict[str, object]:
        """The arguments that every client of the driver accepts. Raises UsageError if a TLS file cannot be read."""
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
            "security_protocol": ("SASL_" if self.user else "") + ("SSL" if self.is_tls else "PLAINTEXT"),
            "ssl_context": self.tls.context(self.place) if self.is_tls else None,
            **(sasl if self.user else {}),
        }
