"""Facts of the store that a process relies on for a moment, so that many requests cost few statements."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic

from typing_extensions import TypeVar

Key = TypeVar("Key", bound=Hashable)
Fact = TypeVar("Fact")


@dataclass(slots=True)
class _Entry(Generic[Fact]):
    """`read_at`: when its read began. `is_asked`: a request has asked for it since it was read."""

    fact: Fact | None
    read_at: float
    is_asked: bool = True


class Kept(Generic[Key, Fact]):
    """Facts by key. One read is under way at a time, and it also renews what else was asked for since the last one.

    `read` returns the facts that exist. `now` is the clock of the process, `seconds` tells how long a fact counts from the moment at which
    its read began, and `keys_max` is the number of facts that are remembered.
    """

    def __init__(
        self,
        read: Callable[[Collection[Key]], Awaitable[Mapping[Key, Fact]]],
        now: Callable[[], float],
        seconds: Callable[[], float],
        keys_max: int,
    ) -> None:
        self._read = read
        self._now = now
        self._seconds = seconds
        self._keys_max = keys_max
        self._entries: dict[Key, _Entry[Fact]] = {}
        self._wanted: set[Key] = set()
        self._under_way: set[Key] = set()
        self._reading: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Fact | None:
        """Returns the fact; None if there is none. Raises what `read` raises."""
        entry = self._entries.get(key)
        if entry is None or self._now() - entry.read_at >= self._seconds():
            if key not in self._under_way:
                self._wanted.add(key)
            while key in self._wanted or key in self._under_way:
                if self._reading is None:
                    self._reading = asyncio.create_task(self._renew())
                await asyncio.shield(self._reading)
            entry = self._entries.get(key)
        if entry is None:
            return None
        entry.is_asked = True
        return entry.fact

    def known(self, key: Key) -> Fact | None:
        """Returns the fact as it was when it was last read; None if it was not, or there was none."""
        entry = self._entries.get(key)
        return None if entry is None else entry.fact

    def forget(self, key: Key) -> None:
        """The next request for the fact reads it again, and so does one that waits for a read which began before."""
        self._entries.pop(key, None)
        if key in self._under_way:
            self._under_way.discard(key)
            self._wanted.add(key)

    async def _renew(self) -> None:
        asked = {key for key, entry in self._entries.items() if entry.is_asked and entry.fact is not None}
        self._under_way, self._wanted = self._wanted | asked, set()
        read_at = self._now()
        try:
            found = await self._read(frozenset(self._under_way))
            if len(self._entries.keys() | self._under_way) > self._keys_max:
                self._entries.clear()
            for key in self._under_way:
                self._entries[key] = _Entry(found.get(key), read_at, is_asked=False)
        finally:
            self._under_way, self._reading = set(), None
