"""Elections that record the leadership beside their candidates, under a guard: what etcd and ZooKeeper have in common.

An election object is one candidate. How a candidacy is won and proved differs from system to system, and stays in its adapter.
"""

from __future__ import annotations

import abc
import asyncio
import json
from dataclasses import asdict, dataclass
from typing import Generic, Protocol, Self, TypeVar

from saga.errors import Closed, LeadershipLost, NotFound, Unavailable, UsageError
from saga.ports.election import Leadership


@dataclass(frozen=True, slots=True)
class LeadershipRecord:
    """The record of a leadership, in JSON. `holder` is None after a resignation; `trust_seconds` is how long a renewal is trusted."""

    term: int
    holder: str | None
    trust_seconds: float

    def encoded(self) -> bytes:
        """The record as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decoded(cls, data: bytes) -> Self | None:
        """The leadership that others may still trust; None where nobody has led yet, or the last leader has resigned."""
        record = json.loads(data or b"{}")
        if record.get("holder") is None:
            return None
        return cls(record.get("term", 0), record["holder"], record.get("trust_seconds", 0.0))


class Candidacy(Protocol):
    """A candidate's place in the queue. The term is that of the leadership that it may begin."""

    @property
    def term(self) -> int:
        """The number of this leadership."""


Held = TypeVar("Held", bound=Candidacy)


class GuardedElection(abc.ABC, Generic[Held]):
    """See `saga.ports.election.Election`. One campaign at a time; renewals and resignations take turns."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._held: Held | None = None
        self._is_campaigning = False
        self._is_closed = False
        self._turn = asyncio.Lock()

    @abc.abstractmethod
    async def _win(self, candidate: str) -> tuple[Held, Leadership]:
        """Waits until the candidate leads. Withdraws it before raising anything."""

    @abc.abstractmethod
    async def _prove(self, held: Held) -> Leadership:
        """Writes the record under the guard of the candidacy, so that a majority agrees. Raises LeadershipLost, Unavailable."""

    @abc.abstractmethod
    async def _record_resignation(self, held: Held) -> None:
        """Writes that nobody leads, under the guard of the candidacy. A failure is suppressed: the lease ends by time."""

    @abc.abstractmethod
    async def _release(self, held: Held) -> None:
        """Gives the lease or session back. A failure is suppressed."""

    @abc.abstractmethod
    async def _disconnect(self) -> None:
        """Closes all connections; a campaign in progress fails."""

    async def campaign(self, candidate: str) -> Leadership:
        """See `saga.ports.election.Election.campaign`."""
        if self._is_closed:
            raise Closed("this election was closed")
        if self._is_campaigning or self._held is not None:
            raise UsageError(f"{candidate!r} already campaigns or leads")
        self._is_campaigning = True
        try:
            self._held, leadership = await self._win(candidate)
        except (Unavailable, NotFound, LeadershipLost) as error:
            if self._is_closed:
                raise Closed("this election was closed") from error
            raise Unavailable(f"the candidacy of {candidate!r} has ended: {error}") from error
        finally:
            self._is_campaigning = False
        return leadership

    async def renew(self, leadership: Leadership) -> Leadership:
        """See `saga.ports.election.Election.renew`."""
        async with self._turn:
            held = self._held
            if held is None or held.term != leadership.term:
                raise LeadershipLost(f"{self._place}: term {leadership.term} is over")
            try:
                return await self._prove(held)
            except LeadershipLost:
                self._held = None
                await self._release(held)
                raise

    async def resign(self, leadership: Leadership) -> None:
        """See `saga.ports.election.Election.resign`."""
        async with self._turn:
            held = self._held
            if held is None or held.term != leadership.term:
                return
            self._held = None
            await self._record_resignation(held)
            await self._release(held)

    async def close(self) -> None:
        """Resigns, and closes all connections."""
        self._is_closed = True
        if self._held is not None:
            await self.resign(Leadership(self._held.term, 0.0))
        await self._disconnect()
