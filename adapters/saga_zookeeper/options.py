"""What a zookeeper:// URL says."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from saga.errors import UsageError

PORT: Final = 2181
SESSION_SECONDS: Final = 5.0
SESSION_SECONDS_MIN: Final = 1.0
SESSION_SECONDS_MAX: Final = 60.0
PARAMETERS: Final = ("session", "auth")
SASL: Final = "sasl"
DIGEST: Final = "digest"
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """`hosts`: host:port,host:port; `root`: the node below which everything lies; `auth`: sasl or digest, where there is a user."""

    hosts: str
    root: str = ""
    user: str | None = None
    password: str = field(default="", repr=False)
    auth: str = SASL
    session_seconds: float = SESSION_SECONDS

    @property
    def place(self) -> str:
        """For people: without user and password."""
        return f"zookeeper at {self.hosts}{self.root}"


def address_of(url: str) -> Address:
    """Raises UsageError; the message holds neither user nor password."""
    parts = urlsplit(url)
    account, _, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in parameters:
        if name not in PARAMETERS:
            raise UsageError(f"zookeeper:// has no parameter {name!r}, only {', '.join(PARAMETERS)}")
    auth = parameters.get("auth", SASL)
    if auth not in {SASL, DIGEST}:
        raise UsageError(f"zookeeper://: auth={auth}: say {SASL} (SASL DIGEST-MD5) or {DIGEST}")
    if "auth" in parameters and not user:
        raise UsageError("zookeeper://: auth needs user and password in the URL")
    return Address(
        hosts=",".join(map(_host, hosts.split(","))),
        root=parts.path.rstrip("/"),
        user=unquote(user) or None,
        password=unquote(password),
        auth=auth,
        session_seconds=_session(parameters.get("session", str(SESSION_SECONDS))),
    )


def _host(text: str) -> str:
    match = _HOST.fullmatch(text)
    if match is None:
        raise UsageError(f"zookeeper://: {text!r} is no host:port (several are separated by commas; IPv6 in brackets)")
    return f"{match[1]}:{match[2] or PORT}"


def _session(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not SESSION_SECONDS_MIN <= seconds <= SESSION_SECONDS_MAX:
        raise UsageError(
            f"zookeeper://: session={text}: seconds from {SESSION_SECONDS_MIN:g} to {SESSION_SECONDS_MAX:g}"
        )
    return seconds
