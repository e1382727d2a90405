"""A gate that admits many side by side, or one alone, in order of arrival."""

from __future__ import annotations

import asyncio
import math
from collections import deque


class GateClosed(Exception):
    """The gate was closed: nobody who waits is admitted."""


class FairGate:
    """An exclusive entry waits for those that are running; later entries queue behind it.

    A wait is as long as the steps ahead of it, so an exclusive entry, which holds up others, should have a timeout.
    """

    def __init__(self, at_once: float = math.inf) -> None:
        self._at_once = at_once
        self._running = 0
        self._is_alone = False
        self._is_closed = False
        self._queue: deque[tuple[asyncio.Future[None], bool]] = deque()

    async def enter(self, *, alone: bool = False) -> None:
        """Waits for entry. `leave` must follow. When cancelled, it has not entered.

        Raises:
            GateClosed: the gate is closed, or was closed meanwhile; it has not entered.
        """
        if self.try_enter(alone=alone):
            return
        if self._is_closed:
            raise GateClosed
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((turn, alone))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._admit()
            elif turn.exception() is None:  # it was admitted at the same moment
                self.leave()
            raise

    def try_enter(self, *, alone: bool = False) -> bool:
        """Enters if that is possible without waiting. Returns whether it has entered."""
        if self._queue or self._is_closed or not self._has_room(alone):
            return False
        self._begin(alone)
        return True

    def close(self) -> None:
        """Admits nobody until `open`, and turns away those that wait."""
        self._is_closed = True
        while self._queue:
            turn, _ = self._queue.popleft()
            if not turn.cancelled():
                turn.set_exception(GateClosed())

    def open(self) -> None:
        """Admits again, after `close`."""
        self._is_closed = False

    def occupy(self) -> None:
        """Takes the place of one entry, even if there is no room. `leave` ends it."""
        self._running += 1

    def leave(self) -> None:
        """Ends one entry, and admits the next."""
        self._running -= 1
        self._is_alone = False
        self._admit()

    def _admit(self) -> None:
        while self._queue:
            turn, alone = self._queue[0]
            if not turn.cancelled():
                if not self._has_room(alone):
                    return
                self._begin(alone)
                turn.set_result(None)
            self._queue.popleft()

    def _has_room(self, alone: bool) -> bool:  # noqa: FBT001 (private)
        return self._running == 0 if alone else self._running < self._at_once and not self._is_alone

    def _begin(self, alone: bool) -> None:  # noqa: FBT001 (private)
        self._running += 1
        self._is_alone = alone
