"""Who leads, by ZooKeeper's recipe: a numbered node that ends with its session, in the order of the numbers.

The candidate whose number is lowest leads, and the transaction id that made its node is the term. A renewal writes the reign in a
transaction that is guarded by that very node: a majority has agreed to it, which an answer to a read does not say (a server that was cut
off from the others answers reads for seconds). It is trusted for TRUSTED_SHARE of what the ensemble grants a silent session, counted
on our monotonic clock from the moment of *asking*; the rest is for the way of our sign of life from the server that we ask to the one
that counts.

The node `/saga/NAMESPACE/supervisor/reign` says in JSON who leads, in which term, and for how long a renewal is trusted; and whether
he has resigned.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from saga.errors import AccessRefused, Closed, LeadershipLost, NotFound, Unavailable, UsageError
from saga.ports.election import Election, Leadership, LeaseWatch
from saga_zookeeper.options import Options
from saga_zookeeper.session import Session, SessionOver

TRUSTED_SHARE: Final = 2 / 3
LOOK_SECONDS: Final = 0.5  # how often a candidate looks at the reign
OPEN_TIMEOUT_SECONDS: Final = 10.0
RESIGN_TIMEOUT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A session with a numbered node in it."""

    name: str
    session: Session
    node: str
    term: int

    @property
    def trust_seconds(self) -> float:
        return self.session.seconds * TRUSTED_SHARE

    @property
    def ask_seconds(self) -> float:
        return self.trust_seconds / 2


class ZooKeeperElection:
    """See `saga.ports.election.Election`. An object is one candidate, with a session while it campaigns or leads."""

    def __init__(self, options: Options, namespace: str, name: str = "supervisor") -> None:
        self._options = options
        self._candidates = f"/saga/{namespace}/{name}/candidates"
        self._reign = f"/saga/{namespace}/{name}/reign"
        self._held: Candidacy | None = None
        self._campaigning: Session | None = None
        self._turn = asyncio.Lock()  # renewals and resignations one after the other
        self._is_closed = False

    async def campaign(self, candidate: str) -> Leadership:
        if self._is_closed:
            raise Closed("this election was closed")
        if self._campaigning is not None or self._held is not None:
            raise UsageError(f"{candidate!r} campaigns or leads already")
        session = self._campaigning = Session(self._options)
        try:
            await session.open(OPEN_TIMEOUT_SECONDS)
            held = await self._enter(session, candidate)
            await self._wait_for_turn(held)
            leadership = await self._prove(held)
        except BaseException as error:
            await session.end()
            if isinstance(error, Unavailable | SessionOver | LeadershipLost | NotFound):
                if self._is_closed:
                    raise Closed("this election was closed") from error
                raise Unavailable(f"{self._options.place}: the candidacy has ended: {error}") from error
            raise
        finally:
            self._campaigning = None
        self._held = held
        return leadership

    async def _enter(self, session: Session, candidate: str) -> Candidacy:
        timeout = session.seconds
        await session.make(self._candidates, timeout)
        await session.make(self._reign, timeout)
        node = await session.enter(f"{self._candidates}/c-", candidate.encode(), timeout)
        term = await session.born(node, timeout)
        if term is None:
            raise SessionOver
        return Candidacy(candidate, session, node, term)

    async def _wait_for_turn(self, held: Candidacy) -> None:
        vigil, changed = LeaseWatch(), asyncio.Event()
        wake = partial(_wake, held.session, changed)  # one object: kazoo keeps each watch once
        while (before := await self._predecessor(held)) is not None:
            changed.clear()
            if await held.session.born(before, held.ask_seconds, wake) is not None:
                await self._look(held, vigil)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await changed.wait()
        await self._look(held, vigil)  # nobody is before us: from here on no older reign can be renewed
        while left := vigil.left_seconds(time.monotonic()):
            await asyncio.sleep(min(left, LOOK_SECONDS))
            await self._look(held, vigil)

    async def _predecessor(self, held: Candidacy) -> str | None:
        """The candidate that is next before us."""
        names = await held.session.children(self._candidates, held.ask_seconds)
        own = held.node.rpartition("/")[2]
        if own not in names:
            raise SessionOver
        place = names.index(own)
        return f"{self._candidates}/{names[place - 1]}" if place else None

    async def _look(self, held: Candidacy, vigil: LeaseWatch) -> None:
        value, changed = await held.session.read(self._reign, held.ask_seconds)
        reign = json.loads(value or b"{}")
        held.session.live_for(held.session.seconds)
        mark = None if reign.get("holder") is None else changed
        vigil.saw(mark, reign.get("trust_seconds", 0.0), time.monotonic())

    async def renew(self, leadership: Leadership) -> Leadership:
        async with self._turn:
            held = self._held
            if held is None or held.term != leadership.term:
                raise LeadershipLost(f"{self._options.place}: term {leadership.term} is over")
            try:
                return await self._prove(held)
            except LeadershipLost:
                self._held = None
                await held.session.end()
                raise

    async def _prove(self, held: Candidacy) -> Leadership:
        asked_at = time.monotonic()
        reign = self._reign_of(held, held.name)
        try:
            is_ours = await held.session.write(
                self._reign, reign, guard=held.node, ends_guard=False, timeout=held.ask_seconds
            )
        except SessionOver as error:
            raise LeadershipLost(f"{self._options.place}: term {held.term} is over: its session has expired") from error
        if not is_ours:
            raise LeadershipLost(f"{self._options.place}: term {held.term} is over: its node is gone")
        held.session.live_for(held.session.seconds)
        return Leadership(held.term, asked_at + held.trust_seconds)

    def _reign_of(self, held: Candidacy, holder: str | None) -> bytes:
        return json.dumps({"term": held.term, "holder": holder, "trust_seconds": held.trust_seconds}).encode()

    async def resign(self, leadership: Leadership) -> None:
        async with self._turn:
            held = self._held
            if held is None or held.term != leadership.term:
                return
            self._held = None
            with contextlib.suppress(Unavailable, AccessRefused, NotFound, SessionOver):
                await held.session.write(
                    self._reign,
                    self._reign_of(held, None),
                    guard=held.node,
                    ends_guard=True,
                    timeout=RESIGN_TIMEOUT_SECONDS,
                )
            await held.session.end()

    async def close(self) -> None:
        self._is_closed = True
        if self._held is not None:
            await self.resign(Leadership(self._held.term, 0.0))
        if self._campaigning is not None:
            await self._campaigning.end()


def _wake(session: Session, changed: asyncio.Event, _: object) -> None:
    session.tell(changed.set)


def open_election(url: str, namespace: str) -> Election:
    """The adapter behind zookeeper:// URLs."""
    return ZooKeeperElection(Options.read(url), namespace)
