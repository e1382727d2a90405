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
TRUSTED_SHARE: Final = 0.8
"""The part of its lease for which a leader trusts itself, so that it has stopped before another can begin."""


class MemoryElection:
    """See `saga.ports.election.Election`. One object is one candidate."""

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._campaigns = 0
        self._is_closed = False

    async def campaign(self, candidate: str) -> Leadership:
        """Raises UsageError if this object leads or campaigns already."""
        if self._campaigns or self._leads():
            raise UsageError(f"{candidate!r} campaigns or leads already")
        self._campaigns += 1
        try:
            while True:
                self._check_open()
                term = self._database.term
                if term.holder is None or term.ends_at <= self._database.now():
                    term.number, term.holder = term.number + 1, self
                    return self._extended()
                await self._until_changed(term.changed, term.ends_at - self._database.now())
        finally:
            self._campaigns -= 1

    async def renew(self, leadership: Leadership) -> Leadership:
        self._check_open()
        if not self._leads() or self._database.term.number != leadership.term:
            raise LeadershipLost(f"term {leadership.term} is over")
        return self._extended()

    async def resign(self, leadership: Leadership) -> None:
        term = self._database.term
        if term.holder is self and term.number == leadership.term:
            self._give_up()

    async def close(self) -> None:
        self._is_closed = True
        if self._database.term.holder is self:
            self._give_up()
        else:
            self._announce()  # a waiting campaign of this object finds it closed

    def _leads(self) -> bool:
        term = self._database.term
        return term.holder is self and self._database.now() < term.ends_at

    def _extended(self) -> Leadership:
        term, now = self._database.term, self._database.now()
        term.ends_at = now + self._lease_seconds
        return Leadership(term.number, now + TRUSTED_SHARE * self._lease_seconds)

    def _give_up(self) -> None:
        term = self._database.term
        term.holder, term.ends_at = None, -math.inf
        self._announce()

    def _announce(self) -> None:
        changed, self._database.term.changed = self._database.term.changed, asyncio.Event()
        changed.set()

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("this election is closed")

    async def _until_changed(self, changed: asyncio.Event, seconds: float) -> None:
        """Waits until the term ends: by an announcement or by time."""
        waits = [asyncio.ensure_future(changed.wait()), asyncio.ensure_future(self._database.clock.sleep(seconds))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*waits, return_exceptions=True)
