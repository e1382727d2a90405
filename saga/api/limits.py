"""The rates at which one sender may ask. Each process counts for itself, and needs a bounded amount of memory for it."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final, NamedTuple

from saga.api.problems import TOO_MANY, Problem

SENDERS_MAX: Final = 10_000
"""Number of senders that a process remembers; it forgets the one that has not asked for the longest time."""
STREAMS_OF_A_SENDER_MAX: Final = 10
"""Maximum number of streams of one token, or of one browser that has signed in, in a process."""
_IPV6_NETWORK_BITS: Final = 64


class Rate(NamedTuple):
    """A steady rate of requests, and how many may come at once after a pause."""

    name: str
    per_second: float
    at_once: int


class Kind(Enum):
    """The kinds of requests, with the rate of each. `FAILURE`: a token that is not valid, counted by network address."""

    READ = Rate("reads", 50, 200)
    ACTION = Rate("actions", 10, 40)
    START = Rate("starts", 1_000, 2_000)
    FAILURE = Rate("failures", 1, 20)


class Buckets:
    """A bucket of requests for each sender: every request takes one, and it fills again at a steady rate."""

    def __init__(self, rate: Rate, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def left(self, sender: str) -> float:
        """The number of requests that the sender may make at once."""
        left, at = self._buckets.get(sender, (float(self._rate.at_once), self._now()))
        return min(self._rate.at_once, left + (self._now() - at) * self._rate.per_second)

    def wait(self, sender: str) -> float:
        """The seconds until the sender may make a request; 0: now."""
        left = self.left(sender)
        return 0.0 if left >= 1 else (1 - left) / self._rate.per_second

    def take(self, sender: str) -> float:
        """Counts a request. Returns 0, or the seconds until the sender may make it."""
        if seconds := self.wait(sender):
            return seconds
        self._buckets[sender] = self.left(sender) - 1, self._now()
        self._buckets.move_to_end(sender)
        if len(self._buckets) > SENDERS_MAX:
            self._buckets.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._buckets)


class Limits:
    """The limits of a process. A sender that is None is not limited."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._buckets = {kind: Buckets(kind.value, now) for kind in Kind}
        self._streams = Counter[str]()

    def take(self, sender: str | None, kind: Kind) -> str | None:
        """Counts a request. Returns the value of the header RateLimit; None if the sender is not limited.

        Raises:
            Problem: the sender asks too often.
        """
        if sender is None:
            return None
        rate, buckets = kind.value, self._buckets[kind]
        if seconds := buckets.take(sender):
            raise _too_many(f"more than {rate.per_second:,.0f} {rate.name} a second, for longer than a moment", seconds)
        left = int(buckets.left(sender))
        return f'"{rate.name}";r={left};t={math.ceil((rate.at_once - left) / rate.per_second)}'

    def check_address(self, address: str | None) -> None:
        """Raises Problem if too many tokens that are not valid came from this address."""
        if seconds := self._buckets[Kind.FAILURE].wait(_network(address)):
            raise _too_many("too many requests with a token that is not valid came from this address", seconds)

    def failed(self, address: str | None) -> None:
        """Counts a token that is not valid."""
        self._buckets[Kind.FAILURE].take(_network(address))

    def check_streams(self, sender: str | None) -> None:
        """Raises Problem if the sender has as many streams as it may have."""
        if sender is not None and self._streams[sender] >= STREAMS_OF_A_SENDER_MAX:
            raise Problem(TOO_MANY, f"you have {STREAMS_OF_A_SENDER_MAX} streams already: close one")

    @contextmanager
    def streaming(self, sender: str | None) -> Iterator[None]:
        """Counts a stream while it lasts."""
        name = sender or ""
        self._streams[name] += 1
        try:
            yield
        finally:
            self._streams[name] -= 1
            if not self._streams[name]:
                del self._streams[name]


def _too_many(detail: str, seconds: float) -> Problem:
    """The problem of a sender that may ask again after some seconds."""
    return Problem(TOO_MANY, detail, {"retry_after": max(1, math.ceil(seconds))})


def _network(address: str | None) -> str:
    """The network of an address: a client has all addresses of an IPv6 network."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return address or ""
    if parsed.version == 4:  # noqa: PLR2004
        return str(parsed)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK_BITS), strict=False))
