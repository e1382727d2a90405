"""Keys in the order of their due times."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from itertools import count
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

STALE_ENTRIES_MAX: Final = 1_024


class DueQueue(Generic[Key]):
    """Each key has at most one due time. Moving it leaves a stale entry, which is skipped, and removed now and then."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Key]] = []
        self._entries: dict[Key, tuple[float, int]] = {}
        self._sequence = count()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: Key, at: float) -> None:
        """Set or move the due time of a key."""
        entry = (at, next(self._sequence))
        self._entries[key] = entry
        heapq.heappush(self._heap, (*entry, key))
        if len(self._heap) > 2 * len(self._entries) + STALE_ENTRIES_MAX:
            self._heap = [(*known, key) for key, known in self._entries.items()]
            heapq.heapify(self._heap)

    def discard(self, key: Key) -> None:
        self._entries.pop(key, None)

    def first_at(self) -> float | None:
        """The earliest due time; None if the queue is empty."""
        while self._heap and self._entries.get(self._heap[0][2]) != self._heap[0][:2]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: float, limit: int, is_wanted: Callable[[Key], bool]) -> list[Key]:
        """Up to `limit` wanted keys that are due, the most overdue first. They stay in the queue."""
        found: list[Key] = []
        passed: list[tuple[float, int, Key]] = []
        while self._heap and self._heap[0][0] <= now and len(found) < limit:
            entry = heapq.heappop(self._heap)
            if self._entries.get(entry[2]) != entry[:2]:
                continue
            passed.append(entry)
            if is_wanted(entry[2]):
                found.append(entry[2])
        for entry in passed:
            heapq.heappush(self._heap, entry)
        return found
