"""The bus port: how commands travel between services. The fast path only; the store heals every loss, duplicate and reordering."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `key` spreads messages over partitions; no ordering is promised. `body` is at most 1 MiB."""

    topic: str
    key: bytes
    body: bytes


class Delivery(Protocol):
    """A message in the hands of a subscriber."""

    @property
    def message(self) -> Message: ...


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
        """Make the topics and the group exist, so that what is published from now on reaches the group, even before it subscribes."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Hand over a batch; returns when the bus has all of it.

        Raises:
            Unavailable: unknown outcome for the messages of this batch.
            Closed: after close().
        """

    def subscribe(self, topics: Sequence[str], group: str, *, limit: int) -> AbstractAsyncContextManager[Subscription]:
        """Become a member of a group; members share its messages."""

    async def close(self) -> None:
        """Give everything back. Calling it twice is harmless."""
