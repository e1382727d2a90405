"""Who is dead, judged by the observer's own clock; and how many shards are whose. No I/O."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Hashable
from uuid import UUID


class Observer:
    """Remembers when each thing was last seen to change. A clock of another machine is never asked."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[object, float]] = {}

    def silent_seconds(self, thing: Hashable, sign: object, now: float) -> float:
        """For how long a thing has shown this sign of life; zero when it is a new one."""
        known = self._seen.get(thing)
        if known is None or known[0] != sign:
            self._seen[thing] = (sign, now)
            return 0.0
        return now - known[1]

    def forget_others(self, things: Collection[Hashable]) -> None:
        """Keep only these in mind."""
        self._seen = {thing: known for thing, known in self._seen.items() if thing in things}


def fair_share(stream: str, readers: Collection[UUID], me: UUID, shards: int) -> int:
    """How many of the shards are mine; the shares of all readers add up to all of them, whoever counts.

    The remainder goes to others for each stream, so that many small streams do not all land on one reader.
    """
    order = sorted(readers, key=lambda reader: zlib.crc32(stream.encode() + reader.bytes))
    each, left = divmod(shards, len(order))
    return each + (order.index(me) < left)
