"""Membership of the processes of one event loop."""

from __future__ import annotations

import math
from collections.abc import Sequence

from saga.errors import LeadershipLost, Unavailable, UsageError
from saga.memory.data.database import Database, Leader, Member
from saga.memory.data.waking import wake_overlooked
from saga.ports.adapter import StoreOptions
from saga.ports.membership import LEADER_SILENCE_SECONDS_MAX, ClaimCost, Heartbeat, Peer, ProcessListener


class MemoryMembership:
    """See `saga.ports.membership.Membership`. `kill` and `cut`: see `MemoryAdapter`."""

    def __init__(self, database: Database, options: StoreOptions) -> None:
        self._database = database
        self._options = options
        self._member: Member | None = None

    async def join(self, name: str, services: Sequence[str], capacity: int, listener: ProcessListener) -> int:
        if self._member is not None:
            raise UsageError("this process has joined already")
        database = self._database
        database.last_member += 1
        self._member = Member(database.last_member, name, frozenset(services), capacity, listener, database.now())
        database.members[self._member.id] = self._member
        database.notify_peers()
        return self._member.id

    async def announce(self, services: Sequence[str], capacity: int) -> None:
        if self._member is None:
            raise UsageError("join before announcing services")
        self._member.services = frozenset(services)
        self._member.capacity = capacity
        self._database.notify_peers()

    async def heartbeat(self, in_flight: int, *, full: bool, cost: ClaimCost | None = None) -> Heartbeat:
        database, own = self._database, self._member
        if own is None or not own.is_alive or own.id not in database.members:
            raise Unavailable("this process was considered dead and removed")
        own.seen_at, own.in_flight, own.cost = database.now(), in_flight, cost
        has_dead = self._remove_dead()
        released = self._release_claims() if has_dead or full else 0
        if full:
            wake_overlooked(database)
        now, leader = database.now(), database.leader
        return Heartbeat(
            peers=tuple(_peer(member, now) for member in database.members.values()),
            has_due=any(database.commands.due(service, now, 1, lambda _: True) for service in own.services),
            leader_seen_ago_seconds=None if leader is None else now - leader.seen_at,
            released=released,
            store_clock=database.epoch,
        )

    async def lead(self, term: int, name: str | None, *, silence_seconds_max: float = math.inf) -> float:
        now, before = self._database.now(), self._database.leader
        silent_seconds = 0.0 if before is None else now - before.seen_at
        if before is not None and before.term > term and silent_seconds < LEADER_SILENCE_SECONDS_MAX:
            raise LeadershipLost(f"{before.name} was seen leading in term {before.term}, later than {term}")
        is_kept = before is not None and silent_seconds > silence_seconds_max
        self._database.leader = Leader(term, name, before.seen_at if before is not None and is_kept else now)
        return silent_seconds

    async def leave(self) -> None:
        member, self._member = self._member, None
        if member is None or self._database.members.pop(member.id, None) is None:
            return
        member.is_alive = False
        held = [row for row in self._database.commands.of_owner(member.id) if self._database.locks.is_free(row.ref)]
        for row in held:
            self._database.give_back(row, self._options.margin_seconds)
        self._database.notify_services({row.service for row in held})
        self._database.notify_peers()

    def kill(self) -> None:
        member, self._member = self._member, None
        if member is not None:
            member.is_alive = False

    def cut(self) -> None:
        member = self._member
        self.kill()
        if member is not None:
            member.listener.on_session_lost()

    def _remove_dead(self) -> bool:
        members = self._database.members
        dead = [member.id for member in members.values() if not member.is_alive]
        for process in dead:
            del members[process]
        if dead:
            self._database.notify_peers()
        return bool(dead)

    def _release_claims(self) -> int:
        """Gives back the claims whose process is gone or whose lease has ended."""
        database, now = self._database, self._database.now()
        lost = [
            row
            for row in database.commands.owned()
            if database.locks.is_free(row.ref)
            and (row.owner not in database.members or (row.lease_until is not None and row.lease_until < now))
        ]
        for row in lost:
            database.give_back(row, self._options.margin_seconds)
        database.notify_services({row.service for row in lost})
        return len(lost)


def _peer(member: Member, now: float) -> Peer:
    seen_ago_seconds = now - member.seen_at
    return Peer(
        member.id, member.name, member.services, member.capacity, member.in_flight, seen_ago_seconds, member.cost
    )
