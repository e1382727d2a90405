"""The options of a zookeeper:// URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from saga.ports.url.adapter_url import AdapterUrl
from saga.ports.url.option import choice, number

PORT_DEFAULT: Final = 2181
SASL: Final = "sasl"
DIGEST: Final = "digest"

SESSION: Final = number("session", 5.0, low=1.0, high=60.0, unit="seconds")
AUTH: Final = choice("auth", SASL, SASL, DIGEST)
OPTIONS: Final = (SESSION, AUTH)


@dataclass(frozen=True, slots=True)
class Options:
    """`hosts` as host:port,host:port; `root` is the node above Saga's nodes; `auth` counts only if there is a user."""

    hosts: str
    root: str
    user: str
    password: str = field(repr=False)
    auth: str
    session_seconds: float

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises UsageError; the message contains neither user nor password."""
        url = AdapterUrl.read(text, OPTIONS)
        auth = url.value(AUTH)
        if url.has(AUTH) and not url.user:
            raise url.refusal("option auth needs a user: write zookeeper://USER:PASSWORD@host, or remove auth")
        return cls(
            hosts=",".join(url.servers(PORT_DEFAULT)),
            root=url.path.rstrip("/"),
            user=url.user,
            password=url.password,
            auth=auth,
            session_seconds=url.value(SESSION),
        )

    @property
    def place(self) -> str:
        """The ensemble, for messages: without credentials."""
        return f"zookeeper at {self.hosts}{self.root}"
