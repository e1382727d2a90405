"""An election that fails: answers are late or lost, and sometimes two candidates lead at once, which the protocol allows."""

from __future__ import annotations

from dataclasses import replace

from saga.ports.election import Election, Leadership
from saga.testing.faults.store import Session


class FaultyElection:
    """See `saga.ports.election.Election`. The points of `Faults` are those of `campaign`, `renew` and `resign`."""

    def __init__(self, inner: Election, session: Session) -> None:
        self._inner = inner
        self._session = session

    async def campaign(self, candidate: str) -> Leadership:
        await self._session.pass_point("campaign:before")
        leadership = await self._inner.campaign(candidate)
        leadership = self._local(leadership)
        await self._session.pass_point("campaign:after")
        return leadership

    async def renew(self, leadership: Leadership) -> Leadership:
        renewed = await self._session.call("renew", lambda: self._inner.renew(leadership))
        return self._local(renewed)

    async def resign(self, leadership: Leadership) -> None:
        await self._session.call("resign", lambda: self._inner.resign(leadership))

    async def close(self) -> None:
        await self._inner.close()

    def _local(self, leadership: Leadership) -> Leadership:
        """The leadership with its trust on the clock of this process."""
        return replace(leadership, trusted_until=leadership.trusted_until - self._session.ahead())
