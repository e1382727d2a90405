"""The bus port: how commands travel between services. The fast path only; the store heals every loss, duplicate and reordering."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

from saga.errors import InputRefused

HEADERS_MAX: Final = 64
HEADERS_BYTES_MAX: Final = 8 * 1024  # of all names and values of a message together, in UTF-8
_HEADER_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def topic_of(namespace: str, service: str) -> str:
    """Where the commands of a service travel."""
    return f"saga.{namespace}.{service}"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `key` spreads messages over partitions; no ordering is promised. `body` is at most 1 MiB.

    `headers` are text beside the body: names of a-z, 0-9, `_`, `.` and `-`, values without control characters, at most
    `HEADERS_MAX` of them and `HEADERS_BYTES_MAX` in all.
    """

    topic: str
    key: bytes
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)


def check_headers(headers: Mapping[str, str]) -> None:
    """What every `publish` asks of the headers of a message.

    Raises:
        InputRefused: too many, too large, or not what a broker's header can hold.
    """
    if len(headers) > HEADERS_MAX:
        raise InputRefused(f"a message has {len(headers)} headers, at most {HEADERS_MAX} are carried")
    size = 0
    for name, value in headers.items():
        if not _is_header_name(name):
            raise InputRefused(f"{name[:80]!r} is no name of a header: a-z, 0-9, _ . and - are")
        is_plain = value.isascii() and value.isprintable()
        if not is_plain and _UNSAFE.search(value):
            raise InputRefused(f"header {name[:80]} has control characters in its value")
        size += len(name) + (len(value) if is_plain else len(value.encode()))
    if size > HEADERS_BYTES_MAX:
        raise InputRefused(f"the headers of a message have {size} bytes, at most {HEADERS_BYTES_MAX} are carried")


@lru_cache(maxsize=1_024)
def _is_header_name(name: str) -> bool:
    return _HEADER_NAME.fullmatch(name) is not None


class Delivery(Protocol):
    """A message in the hands of a subscriber."""

    @property
    def message(self) -> Message:
        """The message, as it was published."""


class Subscription(Protocol):
    """A member of a consumer group, iterated for batches."""

    def __aiter__(self) -> AsyncIterator[Sequence[Delivery]]:
        """Batches of deliveries, at most `limit` of `subscribe` each. Cancelling the iteration loses nothing."""

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """These will not come again to this group. What is not acknowledged comes again, to this member or another."""


class Bus(Protocol):
    """At-least-once publish and subscribe with consumer groups.

    Delivery: every published message reaches every group that was ensured for its topic, at least once, unless the bus loses it.
    Ordering: none. Idempotence: none; a message may be published and delivered twice. Cancellation: a cancelled publish is unknown.
    """

    async def ensure(self, topics: Sequence[str], group: str) -> None:
        """Make the topics and the group exist, so that what is published from now on reaches the group, even before it subscribes.

        Raises:
            NotFound: topics of this bus are made on purpose (see `saga.ports.bus_doctor`), and one is missing.
        """

    async def publish(self, messages: Sequence[Message]) -> None:
        """Hand over a batch; returns when the bus has all of it.

        Raises:
            InputRefused: a body or the headers of a message are over the limit; nothing was published.
            Unavailable: unknown outcome for the messages of this batch.
            Closed: after close().
        """

    def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AbstractAsyncContextManager[Subscription]:
        """Become a member of a group; members share its messages."""

    async def close(self) -> None:
        """Give everything back. Calling it twice is harmless."""
