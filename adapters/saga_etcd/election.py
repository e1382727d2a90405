"""Who leads, by etcd's own election: a key under a lease, in the order of creation.

A candidate holds a lease of `ttl` seconds and a key under it; the oldest key leads, and its create revision is the term. A renewal
prolongs the lease, then writes the reign in a transaction that is guarded by that very key: its answer proves that a majority still
knows the term. It is trusted for the ttl less MARGIN_SECONDS, counted on our monotonic clock from the moment of *asking*. The margin is
for a member that was deposed and has not noticed: it may prolong a lease which the cluster does not.

The key `saga/NAMESPACE/supervisor/reign` says in JSON who leads, in which term, and for how long a renewal is trusted; a resignation, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass
from typing import Final

from saga.errors import AccessRefused, Closed, LeadershipLost, NotFound, Unavailable, UsageError
from saga.ports.election import Election, Leadership, LeaseWatch
from saga_etcd.client import CAMPAIGN, GRANT, RANGE, REVOKE, TXN, Client
from saga_etcd.options import Options
from saga_etcd.stubs import rpc_pb2 as rpc
from saga_etcd.stubs import v3election_pb2 as election

MARGIN_SECONDS: Final = 1.0  # an election of a default etcd; also for clocks that run at different speeds
LOOK_SECONDS: Final = 0.5  # how often a candidate looks at the reign, and prolongs its lease
ASK_SECONDS_MIN: Final = 0.5
RESIGN_TIMEOUT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A lease, and from the victory on the key under it."""

    name: str
    lease: int
    key: bytes = b""
    term: int = 0


class EtcdElection:
    """See `saga.ports.election.Election`. An object is one candidate."""

    def __init__(self, options: Options, namespace: str, name: str = "supervisor") -> None:
        self._client = Client(options)
        self._ttl_seconds = options.ttl_seconds
        self._trust_seconds = options.ttl_seconds - MARGIN_SECONDS
        self._ask_seconds = max(self._trust_seconds / 2, ASK_SECONDS_MIN)
        self._candidates = f"saga/{namespace}/{name}/candidates".encode()
        self._reign = f"saga/{namespace}/{name}/reign".encode()
        self._held: Candidacy | None = None
        self._is_campaigning = False
        self._turn = asyncio.Lock()  # renewals and resignations one after the other
        self._is_closed = False

    async def campaign(self, candidate: str) -> Leadership:
        if self._is_closed:
            raise Closed("this election was closed")
        if self._is_campaigning or self._held is not None:
            raise UsageError(f"{candidate!r} campaigns or leads already")
        self._is_campaigning = True
        try:
            return await self._campaign(candidate)
        except (Unavailable, NotFound) as error:
            if self._is_closed:
                raise Closed("this election was closed") from error
            raise Unavailable(str(error)) from error
        finally:
            self._is_campaigning = False

    async def _campaign(self, candidate: str) -> Leadership:
        granted = await self._client.call(GRANT, rpc.LeaseGrantRequest(TTL=self._ttl_seconds), self._ask_seconds)
        try:
            vigil = LeaseWatch()
            held = await self._won(candidate, granted.ID, vigil)
            while left := vigil.left_seconds(time.monotonic()):
                await asyncio.sleep(min(left, LOOK_SECONDS))
                await self._attend(held.lease, vigil)
            leadership = await self._prove(held)
        except BaseException as error:
            await self._revoke(granted.ID)
            if isinstance(error, LeadershipLost):
                raise Unavailable(f"the candidacy ended before the reign began: {error}") from error
            raise
        self._held = held
        return leadership

    async def _won(self, candidate: str, lease: int, vigil: LeaseWatch) -> Candidacy:
        """Wait until no older key than ours is left. Where an endpoint falls silent the next one is asked, under the same lease."""
        question = election.CampaignRequest(name=self._candidates, lease=lease, value=candidate.encode())
        while True:
            endpoint = self._client.endpoint
            asked = asyncio.create_task(self._client.call(CAMPAIGN, question, None))
            watching = asyncio.create_task(self._watch(lease, vigil, endpoint))
            try:
                await asyncio.wait({asked, watching}, return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    watching.result()
                    continue
                won = asked.result().leader
            except Unavailable:
                await self._attend(lease, vigil)  # raises in its turn where no endpoint answers
                continue
            finally:
                for task in (asked, watching):
                    task.cancel()
                await asyncio.gather(asked, watching, return_exceptions=True)
            await self._attend(lease, vigil)  # from here on no older reign can be renewed: this look is the last word
            return Candidacy(candidate, lease, won.key, won.rev)

    async def _watch(self, lease: int, vigil: LeaseWatch, endpoint: str) -> None:
        """Keep the candidacy until another endpoint has to be asked."""
        while self._client.endpoint == endpoint:
            await self._attend(lease, vigil)
            await asyncio.sleep(LOOK_SECONDS)

    async def _attend(self, lease: int, vigil: LeaseWatch) -> None:
        """Keep the candidate's lease, and see how the present reign fares."""
        if await self._client.keep_alive(lease, self._ask_seconds) <= 0:
            raise Unavailable(f"{self._client.place}: the candidate's lease has ended: it was cut off for too long")
        found = await self._client.call(RANGE, rpc.RangeRequest(key=self._reign), self._ask_seconds)
        pair = found.kvs[0] if found.kvs else None
        reign = {} if pair is None else json.loads(pair.value)
        mark = None if pair is None or reign["holder"] is None else pair.mod_revision
        vigil.saw(mark, reign.get("trust_seconds", 0.0), time.monotonic())

    async def renew(self, leadership: Leadership) -> Leadership:
        async with self._turn:
            held = self._held
            if held is None or held.term != leadership.term:
                raise LeadershipLost(f"{self._client.place}: term {leadership.term} is over")
            try:
                return await self._prove(held)
            except LeadershipLost:
                self._held = None
                await self._revoke(held.lease)
                raise

    async def _prove(self, held: Candidacy) -> Leadership:
        """Prolong the lease, then write the reign under the guard of our key: a majority agrees that the term is ours."""
        asked_at = time.monotonic()
        if await self._client.keep_alive(held.lease, self._ask_seconds) <= 0:
            raise LeadershipLost(f"{self._client.place}: term {held.term} is over: its lease has ended")
        if not await self._write(held, self._reign_of(held, held.name), gives_up=False, timeout=self._ask_seconds):
            raise LeadershipLost(f"{self._client.place}: term {held.term} is over: its key is gone")
        return Leadership(held.term, asked_at + self._trust_seconds)

    async def _write(self, held: Candidacy, reign: bytes, *, gives_up: bool, timeout: float) -> bool:
        """Write the reign if our key is still the one that won; say whether it was."""
        is_ours = rpc.Compare(
            result=rpc.Compare.EQUAL, target=rpc.Compare.CREATE, key=held.key, create_revision=held.term
        )
        changes = [rpc.RequestOp(request_put=rpc.PutRequest(key=self._reign, value=reign))]
        if gives_up:
            changes.append(rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=held.key)))
        return (await self._client.call(TXN, rpc.TxnRequest(compare=[is_ours], success=changes), timeout)).succeeded

    def _reign_of(self, held: Candidacy, holder: str | None) -> bytes:
        return json.dumps({"term": held.term, "holder": holder, "trust_seconds": self._trust_seconds}).encode()

    async def resign(self, leadership: Leadership) -> None:
        async with self._turn:
            held = self._held
            if held is None or held.term != leadership.term:
                return
            self._held = None
            with contextlib.suppress(Unavailable):
                await self._write(held, self._reign_of(held, None), gives_up=True, timeout=RESIGN_TIMEOUT_SECONDS)
            await self._revoke(held.lease)

    async def _revoke(self, lease: int) -> None:
        with contextlib.suppress(Unavailable, NotFound, AccessRefused):
            await self._client.call(REVOKE, rpc.LeaseRevokeRequest(ID=lease), RESIGN_TIMEOUT_SECONDS)

    async def close(self) -> None:
        self._is_closed = True
        if self._held is not None:
            await self.resign(Leadership(self._held.term, 0.0))
        await self._client.close()


def open_election(url: str, namespace: str) -> Election:
    """The adapter behind etcd:// URLs."""
    return EtcdElection(Options.read(url), namespace)
