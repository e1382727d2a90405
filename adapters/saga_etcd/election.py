"""Elects a leader by etcd's own election: keys under leases, in the order of their creation.

A candidate holds a lease of `ttl` seconds and a key under it. The oldest key leads, and its create revision is the term. A renewal
extends the lease, then writes the record in a transaction that is guarded by that key: its success proves that a majority still knows
the term. A renewal is trusted for the ttl minus MARGIN_SECONDS, counted on the local monotonic clock from the moment of *asking*. The
margin covers an etcd member that was deposed and has not noticed: it may extend a lease that the cluster does not.

The key `saga/NAMESPACE/supervisor/reign` holds the `LeadershipRecord` in JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Final

from saga.errors import AccessRefused, LeadershipLost, NotFound, Unavailable
from saga.ports.election import Election, Leadership, LeaseWatch
from saga.ports.shared.guarded_election import GuardedElection, LeadershipRecord
from saga_etcd.client import CAMPAIGN, GRANT, RANGE, REVOKE, TXN, Client
from saga_etcd.options import Options
from saga_etcd.stubs import rpc_pb2 as rpc
from saga_etcd.stubs import v3election_pb2 as election

MARGIN_SECONDS: Final = 1.0  # an election among the members of a default etcd; also for clocks of different speeds
WATCH_SECONDS: Final = 0.5  # how often a candidate reads the record and extends its lease
REQUEST_SECONDS_MIN: Final = 0.5
RESIGN_TIMEOUT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A lease, and the key under it that has won."""

    name: str
    lease: int
    key: bytes
    term: int


class EtcdElection(GuardedElection[Candidacy]):
    """See `saga.ports.election.Election`. An object is one candidate."""

    def __init__(self, options: Options, namespace: str, name: str = "supervisor") -> None:
        super().__init__(options.place)
        self._client = Client(options)
        self._ttl_seconds = options.ttl_seconds
        self._trust_seconds = options.ttl_seconds - MARGIN_SECONDS
        self._request_seconds = max(self._trust_seconds / 2, REQUEST_SECONDS_MIN)
        self._candidates_key = f"saga/{namespace}/{name}/candidates".encode()
        self._record_key = f"saga/{namespace}/{name}/reign".encode()

    async def _win(self, candidate: str) -> tuple[Candidacy, Leadership]:
        granted = await self._client.call(GRANT, rpc.LeaseGrantRequest(TTL=self._ttl_seconds), self._request_seconds)
        try:
            watch = LeaseWatch()
            held = await self._wait_for_turn(candidate, granted.ID, watch)
            while left := watch.left_seconds(time.monotonic()):
                await asyncio.sleep(min(left, WATCH_SECONDS))
                await self._attend(held.lease, watch)
            return held, await self._prove(held)
        except BaseException:
            await self._revoke(granted.ID)
            raise

    async def _wait_for_turn(self, candidate: str, lease: int, watch: LeaseWatch) -> Candidacy:
        """Waits until no key is older than the candidate's. If an endpoint falls silent, asks the next one, under the same lease."""
        request = election.CampaignRequest(name=self._candidates_key, lease=lease, value=candidate.encode())
        while True:
            endpoint = self._client.endpoint
            campaign = asyncio.create_task(self._client.call(CAMPAIGN, request, None))
            attending = asyncio.create_task(self._attend_at(endpoint, lease, watch))
            try:
                await asyncio.wait({campaign, attending}, return_when=asyncio.FIRST_COMPLETED)
                if attending.done():
                    attending.result()
                    continue
                won = campaign.result().leader
            except Unavailable:
                await self._attend(lease, watch)  # raises too if no endpoint answers
                continue
            finally:
                for task in (campaign, attending):
                    task.cancel()
                await asyncio.gather(campaign, attending, return_exceptions=True)
            await self._attend(lease, watch)  # from here on no older term can be renewed: this is its last state
            return Candidacy(candidate, lease, won.key, won.rev)

    async def _attend_at(self, endpoint: str, lease: int, watch: LeaseWatch) -> None:
        """Keeps the candidacy alive until another endpoint must be asked."""
        while self._client.endpoint == endpoint:
            await self._attend(lease, watch)
            await asyncio.sleep(WATCH_SECONDS)

    async def _attend(self, lease: int, watch: LeaseWatch) -> None:
        """Extends the candidate's lease, and watches the current leader."""
        if await self._client.keep_alive(lease, self._request_seconds) <= 0:
            raise Unavailable(f"{self._place}: the candidate's lease has ended: it was cut off for too long")
        found = await self._client.call(RANGE, rpc.RangeRequest(key=self._record_key), self._request_seconds)
        pair = found.kvs[0] if found.kvs else None
        record = None if pair is None else LeadershipRecord.decoded(pair.value)
        if pair is None or record is None:
            watch.saw(None, 0.0, time.monotonic())
        else:
            watch.saw(pair.mod_revision, record.trust_seconds, time.monotonic())

    async def _prove(self, held: Candidacy) -> Leadership:
        asked_at = time.monotonic()
        if await self._client.keep_alive(held.lease, self._request_seconds) <= 0:
            raise LeadershipLost(f"{self._place}: term {held.term} is over: its lease has ended")
        if not await self._try_write(held, holder=held.name, timeout=self._request_seconds):
            raise LeadershipLost(f"{self._place}: term {held.term} is over: its key is gone")
        return Leadership(held.term, asked_at + self._trust_seconds)

    async def _record_resignation(self, held: Candidacy) -> None:
        with contextlib.suppress(Unavailable):
            await self._try_write(held, holder=None, timeout=RESIGN_TIMEOUT_SECONDS)

    async def _try_write(self, held: Candidacy, *, holder: str | None, timeout: float) -> bool:
        """Writes the record if the candidate's key is still the one that won; a resignation deletes the key."""
        is_ours = rpc.Compare(
            result=rpc.Compare.EQUAL, target=rpc.Compare.CREATE, key=held.key, create_revision=held.term
        )
        record = LeadershipRecord(held.term, holder, self._trust_seconds)
        changes = [rpc.RequestOp(request_put=rpc.PutRequest(key=self._record_key, value=record.encoded()))]
        if holder is None:
            changes.append(rpc.RequestOp(request_delete_range=rpc.DeleteRangeRequest(key=held.key)))
        return (await self._client.call(TXN, rpc.TxnRequest(compare=[is_ours], success=changes), timeout)).succeeded

    async def _release(self, held: Candidacy) -> None:
        await self._revoke(held.lease)

    async def _revoke(self, lease: int) -> None:
        with contextlib.suppress(Unavailable, NotFound, AccessRefused):
            await self._client.call(REVOKE, rpc.LeaseRevokeRequest(ID=lease), RESIGN_TIMEOUT_SECONDS)

    async def _disconnect(self) -> None:
        await self._client.close()


def open_election(url: str, namespace: str) -> Election:
    """The election behind etcd:// URLs."""
    return EtcdElection(Options.read(url), namespace)
