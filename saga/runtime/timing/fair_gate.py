"""Who may run beside whom: handlers run side by side, so many at once, and one that may kill its process runs alone."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Final

from saga.ports.values.claim import Claim

SUSPECT_AFTER: Final = 5  # deliveries without an answer: then it runs alone, so that none dies with it
TRIALS_MAX: Final = 5  # alone and without an answer: then it is taken for a poison


def is_suspect(claim: Claim) -> bool:
    """Whether it was handed out so often without an answer that it runs alone: who was there when processes died may be innocent."""
    return claim.deliveries - claim.failures > SUSPECT_AFTER


def is_poison(claim: Claim) -> bool:
    """Whether it has run alone so often without an answer that it must be what kills its process. Deliveries never condemn."""
    return claim.trials >= TRIALS_MAX


class FairGate:
    """First come, first served: who wants to be alone waits for those that run, and those that come later wait for it.

    A wait is as long as the steps that are ahead: who wants to be alone and holds up others had better give up before that.
    """

    def __init__(self, at_once: float = math.inf) -> None:
        self._at_once = at_once
        self._running = 0
        self._is_alone = False
        self._queue: deque[tuple[asyncio.Future[None], bool]] = deque()

    async def enter(self, *, alone: bool = False) -> None:
        """Return when it may run; `leave` follows. Cancelled, it has not entered."""
        if self.has_entered(alone=alone):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((turn, alone))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._go_on()
            else:  # it was its turn at the same moment
                self.leave()
            raise

    def has_entered(self, *, alone: bool = False) -> bool:
        """Enter, if it need not wait: whether it has entered."""
        if self._queue or not self._has_room(alone):
            return False
        self._begin(alone)
        return True

    def leave(self) -> None:
        """It does not run any more: the next may."""
        self._running -= 1
        self._is_alone = False
        self._go_on()

    def _go_on(self) -> None:
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
