"""The live processes of one service, and which of them gets the next command.

A commit, its notification and the wake-up of a process cost the same for one command as for many, so commands are best kept together. Where
claims are cheap, all processes fill the same replica, the one with the lowest number, before they use the next. Dear claims are spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from saga.ports.membership import Peer

CHEAP_SECONDS: Final = 0.0025
"""Processor time of a claim above which the service's commands are spread: to keep two together saves about as much."""
OWED_SECONDS: Final = 0.01
"""Processor time for which a replica may have got work from one process before that process uses the next replica."""
BUSY_SHARE: Final = 0.7
"""A replica that uses more of one processor than this gets nothing while another has room."""
CLAIM_SECONDS_MIN: Final = 0.00001
"""No claim is taken for cheaper than this."""
QUICK_SECONDS: Final = 0.5
"""A replica that holds nothing for long may get as many commands as it ends in this time, besides half of its capacity."""


class Replica(Struct):
    """A live process, and what this process has assigned to it. One object for all of its services."""

    peer: Peer
    assigned: int = 0  # since its last heartbeat
    owed_until: float = float("-inf")  # when it has done what was assigned, if it does nothing else

    def is_open(self, now: float, claim_seconds: float) -> bool:
        """Returns whether it is better to fill this replica than to use the next."""
        peer, cost = self.peer, self.peer.cost
        room = peer.capacity / 2 - peer.in_flight
        if cost is not None:
            if cost.busy > BUSY_SHARE:
                return False
            if not peer.in_flight:  # it ends its claims quickly: `Intake.load`
                room += cost.busy / claim_seconds * QUICK_SECONDS
        return self.assigned < room and self.owed_until < now + OWED_SECONDS

    def follow(self, before: Replica, *, has_reported: bool) -> None:
        """Keeps what is known from before the last heartbeat. What the peer has reported since includes what was assigned."""
        if not has_reported:
            self.assigned = before.assigned
        self.owed_until = before.owed_until

    def assign(self, now: float, claim_seconds: float) -> None:
        self.assigned += 1
        self.owed_until = max(self.owed_until, now) + claim_seconds


class Replicas:
    """The replicas of one service, as of the last heartbeat of this process."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.all: list[Replica] = sorted(replicas, key=lambda replica: replica.peer.id)
        costs = [replica.peer.cost.claim_seconds for replica in replicas if replica.peer.cost is not None]
        self._claim_seconds: float = max(min(costs, default=0.0), CLAIM_SECONDS_MIN)
        self._fills = len(replicas) > 1 and bool(costs) and self._claim_seconds < CHEAP_SECONDS
        self._current = self.all[0]

    def assign(self, now: float) -> Replica | None:
        """Assigns a command to a replica. None: all are full."""
        found = self._filled(now) if self._fills else None
        if found is None:
            found = self._current if len(self.all) == 1 else min(self.all, key=_load)
            if found.peer.in_flight >= found.peer.capacity:
                return None
        found.assign(now, self._claim_seconds)
        return found

    def _filled(self, now: float) -> Replica | None:
        """The replica that is being filled. None: each has got as much as is good for it."""
        if not self._current.is_open(now, self._claim_seconds):
            opened = (replica for replica in self.all if replica.is_open(now, self._claim_seconds))
            found = next(opened, None)
            if found is None:
                return None
            self._current = found
        return self._current


def _load(replica: Replica) -> float:
    return (replica.peer.in_flight + replica.assigned) / replica.peer.capacity
