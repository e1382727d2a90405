"""Requests to the poller."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from saga.ports.values.claim import CommandRef
from saga.runtime.timing.coarse_timers import CoarseTimers

TICK_SECONDS: Final = 0.01
REFS_MAX: Final = 10_000
"""References that are kept. Instead of more, all claims of the process are fetched."""


class PollRequests:
    """Collects requests until the poller takes them: to poll the queues, and to fetch claims that exist already."""

    def __init__(self, lease_seconds: float) -> None:
        self.wants_poll: bool = False
        self._lease_seconds = lease_seconds
        self._wants_all = False
        self._refs: set[CommandRef] = set()
        self._timers: CoarseTimers[None] = CoarseTimers(TICK_SECONDS, lambda _: self.poll())
        self._wanted = asyncio.Event()

    def poll(self, *, everything: bool = False) -> None:
        """Polls the queues. With `everything`, also fetches all claims that the store assigns to this process."""
        self.wants_poll = True
        self._wants_all = self._wants_all or everything
        self._wanted.set()

    def poll_in(self, seconds: float) -> None:
        """A command will be due in the queues after that time."""
        if seconds <= 0:
            self.poll()
        elif seconds < self._lease_seconds:
            self._timers.add(None, seconds)

    def fetch(self, refs: Sequence[CommandRef]) -> None:
        """Fetches these claims: they were made for this process."""
        self._refs.update(refs)
        if len(self._refs) > REFS_MAX:
            self._refs.clear()
            self._wants_all = True
        self._wanted.set()

    def fetch_all(self) -> None:
        """Fetches all claims of this process with the next request."""
        self._wants_all = True

    def room_freed(self) -> None:
        """Claims have ended, or outcomes were committed: there may be room for more from the queues."""
        if self.wants_poll:
            self._wanted.set()

    async def wait(self) -> None:
        """Returns when something was requested since the last time."""
        await self._wanted.wait()
        self._wanted.clear()

    def take_refs(self) -> list[CommandRef] | None:
        """Returns the claims to fetch. An empty list stands for all claims of this process; None means that nothing is to be fetched."""
        is_all, refs = self._wants_all, list(self._refs)
        if not is_all and not refs:
            return None
        self._wants_all = False
        self._refs.clear()
        return [] if is_all else refs

    def close(self) -> None:
        """Cancels the timers."""
        self._timers.close()
