"""Elects a leader by ZooKeeper's recipe: numbered nodes that end with their session, in the order of their numbers.

The candidate with the lowest number leads, and the transaction id that created its node is the term. A renewal writes the record in a
transaction that is guarded by that node: a majority has agreed to it, which the answer to a read does not prove (a server that is cut off
from the others answers reads for seconds). A renewal is trusted for TRUSTED_SHARE of the time that the ensemble grants a silent session,
counted on the local monotonic clock from the moment of *asking*; the rest is for the way of the sign of life from the server that was
asked to the server that counts.

The node `/saga/NAMESPACE/supervisor/reign` holds the `LeadershipRecord` in JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

from saga.errors import AccessRefused, LeadershipLost, NotFound, Unavailable
from saga.ports.election import Election, Leadership, LeaseWatch
from saga.ports.shared.guarded_election import GuardedElection, LeadershipRecord
from saga_zookeeper.options import Options
from saga_zookeeper.session import Session, SessionOver

TRUSTED_SHARE: Final = 2 / 3
WATCH_SECONDS: Final = 0.5  # how often a candidate reads the record
OPEN_TIMEOUT_SECONDS: Final = 10.0
RESIGN_TIMEOUT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A session, and the numbered node that belongs to it."""

    name: str
    session: Session
    node: str
    term: int

    @property
    def trust_seconds(self) -> float:
        return self.session.seconds * TRUSTED_SHARE

    @property
    def request_seconds(self) -> float:
        return self.trust_seconds / 2


class ZooKeeperElection(GuardedElection[Candidacy]):
    """See `saga.ports.election.Election`. An object is one candidate, with a session while it campaigns or leads."""

    def __init__(self, options: Options, namespace: str, name: str = "supervisor") -> None:
        super().__init__(options.place)
        self._options = options
        self._candidates_path = f"/saga/{namespace}/{name}/candidates"
        self._record_path = f"/saga/{namespace}/{name}/reign"
        self._campaigning: Session | None = None

    async def _win(self, candidate: str) -> tuple[Candidacy, Leadership]:
        session = self._campaigning = Session(self._options)
        try:
            await session.open(OPEN_TIMEOUT_SECONDS)
            held = await self._enter(session, candidate)
            await self._wait_for_turn(held)
            return held, await self._prove(held)
        except BaseException as error:
            await session.end()
            if isinstance(error, SessionOver):
                raise Unavailable(f"{self._place}: {error}") from error
            raise
        finally:
            self._campaigning = None

    async def _enter(self, session: Session, candidate: str) -> Candidacy:
        timeout = session.seconds
        await session.create_lasting(self._candidates_path, timeout)
        await session.create_lasting(self._record_path, timeout)
        node = await session.create_numbered(f"{self._candidates_path}/c-", candidate.encode(), timeout)
        term = await session.creation(node, timeout)
        if term is None:
            raise SessionOver
        return Candidacy(candidate, session, node, term)

    async def _wait_for_turn(self, held: Candidacy) -> None:
        watch, changed = LeaseWatch(), asyncio.Event()
        wake = partial(_wake, held.session, changed)  # one object: kazoo keeps each watch once
        while (before := await self._predecessor(held)) is not None:
            changed.clear()
            if await held.session.creation(before, held.request_seconds, wake) is not None:
                await self._watch_leader(held, watch)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(WATCH_SECONDS):
                        await changed.wait()
        await self._watch_leader(held, watch)  # first in the queue: from here on no older term can be renewed
        while left := watch.left_seconds(time.monotonic()):
            await asyncio.sleep(min(left, WATCH_SECONDS))
            await self._watch_leader(held, watch)

    async def _predecessor(self, held: Candidacy) -> str | None:
        """The candidate directly before this one; None if this one is first."""
        names = await held.session.children(self._candidates_path, held.request_seconds)
        own = held.node.rpartition("/")[2]
        if own not in names:
            raise SessionOver
        position = names.index(own)
        return f"{self._candidates_path}/{names[position - 1]}" if position else None

    async def _watch_leader(self, held: Candidacy, watch: LeaseWatch) -> None:
        value, changed = await held.session.read(self._record_path, held.request_seconds)
        held.session.live_for(held.session.seconds)
        record = LeadershipRecord.decoded(value)
        if record is None:
            watch.saw(None, 0.0, time.monotonic())
        else:
            watch.saw(changed, record.trust_seconds, time.monotonic())

    async def _prove(self, held: Candidacy) -> Leadership:
        asked_at = time.monotonic()
        try:
            is_written = await self._try_write(held, holder=held.name, timeout=held.request_seconds)
        except SessionOver as error:
            raise LeadershipLost(f"{self._place}: term {held.term} is over: its session has expired") from error
        if not is_written:
            raise LeadershipLost(f"{self._place}: term {held.term} is over: its node is gone")
        held.session.live_for(held.session.seconds)
        return Leadership(held.term, asked_at + held.trust_seconds)

    async def _record_resignation(self, held: Candidacy) -> None:
        with contextlib.suppress(Unavailable, AccessRefused, NotFound, SessionOver):
            await self._try_write(held, holder=None, timeout=RESIGN_TIMEOUT_SECONDS)

    async def _try_write(self, held: Candidacy, *, holder: str | None, timeout: float) -> bool:
        """Writes the record if the candidate's node still exists; a resignation deletes the node."""
        record = LeadershipRecord(held.term, holder, held.trust_seconds)
        return await held.session.try_write(
            self._record_path, record.encoded(), guard=held.node, deletes_guard=holder is None, timeout=timeout
        )

    async def _release(self, held: Candidacy) -> None:
        await held.session.end()

    async def _disconnect(self) -> None:
        if self._campaigning is not None:
            await self._campaigning.end()


def _wake(session: Session, changed: asyncio.Event, _: object) -> None:
    session.call_on_loop(changed.set)


def open_election(url: str, namespace: str) -> Election:
    """The election behind zookeeper:// URLs."""
    return ZooKeeperElection(Options.read(url), namespace)
