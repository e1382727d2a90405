"""Election among the processes of one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Final

from saga.errors import Closed, LeadershipLost, UsageError
from saga.memory.data.database import Database
from saga.ports.election import Leadership

LEASE_SECONDS: Final = 10.0
TRUSTED_SHARE: Final = 0.8  # of its lease a leader trusts itself, so that it has stopped before another can begin


class MemoryElection:
    """See `saga.ports.election.Election`. One candidate an object."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._campaigns = 0
        self._is_closed = False

    async def campaign(self, candidate: str) -> Leadership:
        """Raises UsageError where this object leads or campaigns already: an object is one candidate."""
        if self._campaigns or self._leads():
            raise UsageError(f"{candidate!r} campaigns or leads already")
        self._campaigns += 1
        try:
            while True:
                self._check_open()
                reign = self._database.reign
                if reign.holder is None or reign.ends_at <= self._database.now():
                    reign.term, reign.holder = reign.term + 1, self
                    return self._extended()
                await self._until_changed(reign.changed, reign.ends_at - self._database.now())
        finally:
            self._campaigns -= 1

    async def renew(self, leadership: Leadership) -> Leadership:
        self._check_open()
        if not self._leads() or self._database.reign.term != leadership.term:
            raise LeadershipLost(f"term {leadership.term} is over")
        return self._extended()

    async def resign(self, leadership: Leadership) -> None:
        reign = self._database.reign
        if reign.holder is self and reign.term == leadership.term:
            self._give_up()

    async def close(self) -> None:
        self._is_closed = True
        if self._database.reign.holder is self:
            self._give_up()
        else:
            self._announce()  # a campaign of this object that waits finds it closed

    def _leads(self) -> bool:
        reign = self._database.reign
        return reign.holder is self and self._database.now() < reign.ends_at

    def _extended(self) -> Leadership:
        reign, now = self._database.reign, self._database.now()
        reign.ends_at = now + self._lease_seconds
        return Leadership(reign.term, now + TRUSTED_SHARE * self._lease_seconds)

    def _give_up(self) -> None:
        reign = self._database.reign
        reign.holder, reign.ends_at = None, -math.inf
        self._announce()

    def _announce(self) -> None:
        changed, self._database.reign.changed = self._database.reign.changed, asyncio.Event()
        changed.set()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("this election is closed")

    async def _until_changed(self, changed: asyncio.Event, seconds: float) -> None:
        """Wait for the end of a reign: told, or by time."""
        waits = [asyncio.ensure_future(changed.wait()), asyncio.ensure_future(self._database.clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*waits, return_exceptions=True)
