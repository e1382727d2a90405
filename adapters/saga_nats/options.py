"""The options of a nats:// URL. The defaults lose no message that a majority of the servers has acknowledged.

nats://HOST,HOST?name=value             no credentials, or those of a file: ?creds=file, ?nkey=file
nats+tls://USER:PASSWORD@HOST           user and password; special characters as %XX
nats+tls://TOKEN@HOST                   a token
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Self

from saga.errors import UsageError
from saga.ports.url.adapter_url import AdapterUrl
from saga.ports.url.option import duration, file_path, flag, identifier, text, whole_number
from saga.ports.url.tls import TLS_OPTIONS, TlsFiles, are_on_this_machine
from saga_nats.nkey import UserKey

PORT_DEFAULT: Final = 4222
TLS_SCHEME: Final = "nats+tls"
COPIES_MAX: Final = 5  # the server's own limit
NAME_CHARS_MAX: Final = 100
DAY_MS: Final = 86_400_000

CREDS: Final = file_path("creds")
NKEY: Final = file_path("nkey")
PLAINTEXT: Final = flag("plaintext")
PREFIX: Final = identifier("prefix", chars_max=NAME_CHARS_MAX)
REPLICATION: Final = whole_number("replication", 3, low=1, high=COPIES_MAX)
RETENTION: Final = duration("retention", DAY_MS, low_ms=1_000)
MAX_BYTES: Final = whole_number("max_bytes", 0, low=0, high=2**62)
CREATE: Final = flag("create")
ACK_WAIT: Final = duration("ack_wait", 10_000, low_ms=1_000, high_ms=3_600_000)
MONITOR: Final = text("monitor")
OPTIONS: Final = (
    *TLS_OPTIONS, CREDS, NKEY, PLAINTEXT, PREFIX, REPLICATION, RETENTION, MAX_BYTES, CREATE, ACK_WAIT, MONITOR,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """The servers, and the settings of the streams and consumers that Saga creates. Its representation omits the secrets."""

    servers: tuple[str, ...]
    is_tls: bool
    tls: TlsFiles
    user: str = field(repr=False)
    """The name of a user. Without a password, this is the token instead."""
    password: str = field(repr=False)
    creds: str
    """A credentials file: the user's JWT and seed."""
    nkey: str
    """A file with the seed of an nkey."""
    prefix: str
    replication: int
    retention_ms: int
    """The time for which a stream keeps a message, read or not."""
    max_bytes: int
    """The size at which a stream accepts no more messages; 0 for no limit but those of the account and the servers."""
    create: bool
    ack_wait_ms: int
    """A delivery of a member that gives no sign of life for this long goes to another member."""
    monitors: tuple[str, ...]
    """The http:// addresses of the servers' monitoring ports, where the doctor reads what NATS clients cannot see."""

    @classmethod
    def read(cls, url_text: str) -> Self:
        """Raises UsageError; no message contains the password, the token, or the name of the user."""
        url = AdapterUrl.read(url_text, OPTIONS)
        url.check_no_path("write a prefix of the subjects as ?prefix=...")
        options = cls(
            servers=url.servers(PORT_DEFAULT),
            is_tls=url.scheme == TLS_SCHEME,
            tls=TlsFiles.read(url, tls_scheme=TLS_SCHEME),
            user=url.user,
            password=url.password,
            creds=url.value(CREDS),
            nkey=url.value(NKEY),
            prefix=url.value(PREFIX),
            replication=url.value(REPLICATION),
            retention_ms=url.value(RETENTION),
            max_bytes=url.value(MAX_BYTES),
            create=url.value(CREATE),
            ack_wait_ms=url.value(ACK_WAIT),
            monitors=tuple(address for address in url.value(MONITOR).split(",") if address),
        )
        options._check(url, allows_plaintext=url.value(PLAINTEXT))
        return options

    def _check(self, url: AdapterUrl, *, allows_plaintext: bool) -> None:
        """Raises UsageError if an option contradicts another one or cannot work."""
        if sum(map(bool, (self.user, self.creds, self.nkey))) > 1:
            raise url.refusal("give one kind of credentials: those in the URL, creds, or nkey")
        if self.user and not (self.is_tls or allows_plaintext or are_on_this_machine(self.servers)):
            raise url.refusal(
                f"NATS sends passwords and tokens in clear text: use {TLS_SCHEME}://, creds or nkey,"
                " or plaintext=yes on a private network"
            )
        if self.prefix.startswith(".") or ".." in self.prefix:
            raise url.refusal("option prefix must not begin with a dot or have two dots in a row: no subject can")
        if not all(address.startswith(("http://", "https://")) for address in self.monitors):
            raise url.refusal("option monitor must be http:// addresses, separated by commas")

    @property
    def place(self) -> str:
        """The servers, for messages: without credentials."""
        return f"nats {','.join(self.servers)}"

    def client(self) -> dict[str, Any]:
        """The arguments with which the driver authenticates itself. Raises UsageError if a file cannot be used."""
        return {
            "user": self.user if self.password else None,
            "password": self.password or None,
            "token": self.user if self.user and not self.password else None,
            "tls": self.tls.context(self.place) if self.is_tls else None,
        }

    def user_key(self) -> UserKey | None:
        """The key of the user, from a file of the URL; read again for each connection. Raises UsageError if the file cannot be used."""
        path = self.creds or self.nkey
        try:
            return UserKey.read(path) if path else None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise UsageError(
                f"{self.place}: cannot use the file {path} ({reason}): check creds and nkey of the URL"
            ) from error
