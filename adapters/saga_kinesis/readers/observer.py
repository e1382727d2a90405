"""Detects dead readers by the local clock, and computes fair shares of shards. No I/O."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Hashable
from uuid import UUID


class Observer:
    """Remembers when the sign of life of each subject was last seen to change. Never uses the clock of another machine."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[object, float]] = {}

    def silent_seconds(self, subject: Hashable, sign: object, now: float) -> float:
        """The seconds since a subject first showed this sign of life; zero if the sign is new."""
        known = self._seen.get(subject)
        if known is None or known[0] != sign:
            self._seen[subject] = (sign, now)
            return 0.0
        return now - known[1]

    def forget_others(self, subjects: Collection[Hashable]) -> None:
        """Forgets all but these subjects."""
        self._seen = {subject: known for subject, known in self._seen.items() if subject in subjects}


def fair_share(stream: str, readers: Collection[UUID], me: UUID, shards: int) -> int:
    """The number of shards of the reader `me`. All readers compute shares that add up to all shards.

    The remainder is distributed differently for each stream, so that small streams do not all go to one reader.
    """
    order = sorted(readers, key=lambda reader: zlib.crc32(stream.encode() + reader.bytes))
    each, left = divmod(shards, len(order))
    return each + (order.index(me) < left)
