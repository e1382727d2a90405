"""The bus port: carries commands between services. It is only the fast path; the store repairs losses, duplicates and reordering."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from saga.errors import InputRefused

BODY_BYTES_MAX: Final = 1024 * 1024
"""Maximum number of bytes of the body of a message."""
HEADERS_MAX: Final = 64
HEADERS_BYTES_MAX: Final = 8 * 1024
"""Maximum number of bytes in UTF-8 of all header names and values of a message together."""
_HEADER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def topic_of(namespace: str, service: str) -> str:
    """Returns the topic that carries the commands of a service."""
    return f"saga.{namespace}.{service}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `key` spreads messages over partitions; no order is promised. `body` is at most 1 MiB.

    `headers` are text beside the body: names of a-z, 0-9, `_`, `.` and `-`, values without control characters, at most
    `HEADERS_MAX` of them and `HEADERS_BYTES_MAX` in all.
    """

    topic: str
    key: bytes
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)


def check_message(message: Message) -> None:
    """Checks the size and the headers of a message; every `publish` does, before it sends any of its messages.

    Raises:
        InputRefused: the body is too large, or the headers are not valid: see `check_headers`.
    """
    if len(message.body) > BODY_BYTES_MAX:
        raise InputRefused(
            f"a message of {len(message.body)} bytes for {message.topic}: the maximum is {BODY_BYTES_MAX}"
        )
    check_headers(message.headers)


def check_headers(headers: Mapping[str, str]) -> None:
    """Checks the headers of a message.

    Raises:
        InputRefused: there are too many, they are too large, or a broker could not carry them.
    """
    if len(headers) > HEADERS_MAX:
        raise InputRefused(f"a message has {len(headers)} headers; the maximum is {HEADERS_MAX}")
    size = 0
    for name, value in headers.items():
        if not _is_header_name(name):
            raise InputRefused(f"{name[:80]!r} is not a valid header name: use a-z, 0-9, `_`, `.` and `-`")
        is_plain = value.isascii() and value.isprintable()
        if not is_plain and _UNSAFE.search(value):
            raise InputRefused(f"the value of header {name[:80]} has control characters")
        size += len(name) + (len(value) if is_plain else len(value.encode()))
    if size > HEADERS_BYTES_MAX:
        raise InputRefused(f"the headers of a message have {size} bytes; the maximum is {HEADERS_BYTES_MAX}")


@lru_cache(maxsize=1_024)
def _is_header_name(name: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None


class Delivery(Protocol):
    """A message that a subscription has delivered and that is not acknowledged yet."""

    @property
    def message(self) -> Message:
        """The message, as it was published."""


class Subscription(Protocol):
    """One member of a consumer group. Iterating it yields batches."""

    def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        """Yields batches of at most `limit` deliveries (see `subscribe`). Cancelling the iteration loses nothing."""

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledges deliveries: they are not delivered to this group again.

        A delivery that is not acknowledged comes again, to this member or to another.

        Raises:
            Unavailable: some of them may come again.
        """


class Bus(Protocol):
    """At-least-once publish and subscribe with consumer groups.

    Delivery: a published message reaches every group that was ensured for its topic, at least once, unless the bus loses it.
    Ordering: none. Idempotence: none; a message may be published and delivered twice. Cancellation: the outcome of a cancelled
    publish is unknown.
    """

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        """Makes sure that the topics and the group exist: what is published from now on reaches the group, even before it subscribes.

        Raises:
            NotFound: a topic is missing, and this bus does not create topics by itself (see `saga.ports.bus_doctor`).
            Unavailable: the outcome is unknown; calling it again is harmless.
        """

    async def publish(self, messages: Sequence[Message]) -> None:
        """Publishes a batch; returns when the bus has accepted all of it.

        Raises:
            InputRefused: the body or the headers of a message exceed a limit; nothing was published.
            Unavailable: the outcome is unknown for each message of the batch.
            Closed: the bus was closed.
        """

    def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AbstractAsyncContextManager[Subscription]:
        """Joins a group; its members share the messages. Leaving the block leaves the group.

        Raises:
            Unavailable: the bus cannot be reached.
            Closed: the bus was closed.
        """

    async def close(self) -> None:
        """Closes all connections. Calling it twice is harmless."""
