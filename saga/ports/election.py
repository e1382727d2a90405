"""Any number of supervisors may run, and one leads. What follows says what that is worth, and how long it takes when something breaks.

## What a term is

A reign has a number, its *term*. Terms strictly increase, over all candidates and for as long as the election's own data lives: the
advisory lock of Postgres has a row that counts, etcd gives the create revision of the leader's key, ZooKeeper the transaction id that made
the leader's node. A term says whose acts come later; it is written into the store's row of the leader, into logs and history. It is not
what keeps a saga right: each write of the store is conditional on the version that it was decided on, so even two leaders at a time change
no saga twice. An election saves double work.

## How trust shrinks

To be elected is a fact on the servers. A candidate can only *trust* that it still holds. `Leadership.trusted_until` is that trust, on the
monotonic clock of the process, and it is counted from the moment of **asking** for the renewal, not of hearing its answer. The supervisor
renews after a third of what is left. An answer that says no ends the term; no answer leaves the trust as it is, and it runs out. Then
whatever the leader had under way is cancelled, also where a renewal still waits. No wall clock takes part: stepping it changes nothing.
A process that was suspended finds its trust run out when it goes on, and stops before it does anything else.

## Who is authoritative

The servers say who is *elected*. The leader alone knows until when it *trusts* itself. The next one may be elected while the last one still
trusts itself: its session was ended by an administrator, the server restarted, a cable was cut on one side only. So a candidate keeps watch
(`Vigil`): it sees each renewal of the reign before its own, and when the seat falls vacant it waits, from the last renewal that it saw and
on its own clock, for as long as a renewal is trusted. Only a resignation, which is written down, spares it the wait. The store's row of
the leader, which people, the doctor and the deadlines look at, is written by whoever leads, whichever election it was.

## What happens in each failure

| Failure | The leader | The next one leads |
| --- | --- | --- |
| SIGTERM | resigns | at once |
| its process is killed | is gone | when the trust that was seen, or its lease, is over |
| it is suspended, and goes on | stops at once, by its clock; it has changed nothing | when its lease is over |
| its network is a black hole | stops by its clock | when its lease is over |
| its session is ended for it | learns it at its next renewal | when the trust that was seen is over |
| it is on the side of the minority | cannot renew, and stops by its clock | on the side of the majority, when the lease is over |
| the servers are killed and start again | cannot renew; goes on if they are back in time and know its lease | else when the trust is over |
| the store is away, the election is not | goes on leading, and can do nothing; then deadlines are extended by the silence | |
| the machine's clock is stepped | goes on | |
| its whole machine is halted | its clock stood still: it trusts itself for a rest of seconds | meanwhile; versions protect the sagas |

## What each costs, and which to choose

| | Postgres | etcd | ZooKeeper |
| --- | --- | --- | --- |
| one more system to run | no | yes | yes |
| a renewal | one statement, not durable | a lease and a guarded transaction | a guarded transaction |
| a renewal is trusted for | 1.7 s | `ttl` less 1 s (4 s) | two thirds of `session` (3.3 s) |
| a leader that fell silent is replaced after | about 2 s | `ttl` and up to half a second | `session` and up to a tick |
| it survives the loss of | what the database survives | a minority of the members | a minority of the servers |

Take Postgres unless you have a reason: the supervisor can do nothing without the store, so an election that outlives the store gains
little. A reason is a rule that leases belong in etcd or ZooKeeper, or a store behind a pooler that keeps no sessions. All supervisors of a
namespace use one election: who finds somebody of a later term at work in the store steps back.

## Why its work is not split

A million waiting sagas, of which 50 a second pass their deadlines, took one leader 2.6 % of a core, and each deadline was enforced within
1.2 s (performance.md, "Scale"). Shards with a term each would be needed from some two million on, on a machine as small and busy as that.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Leadership:
    """A reign: its number, and until when (monotonic clock of this process) it may be trusted without renewal."""

    term: int
    trusted_until: float


@dataclass(slots=True)
class LeaseWatch:
    """What a candidate has seen of the reign before its own: when it may believe that nobody trusts himself any more.

    The seat may fall vacant early: a session is ended by hand, a server restarts, a cable to the server alone is cut. The leader learns
    it at its next renewal, and trusts itself until then. Who finds the seat vacant therefore waits, from the last renewal *that it saw* and
    on its own monotonic clock, for as long as a renewal is trusted; only a resignation, which is written down, spares it the wait.
    """

    _mark: Hashable | None = None
    _free_at: float = -math.inf

    def saw(self, mark: Hashable | None, patience_seconds: float, now: float) -> None:
        """`mark` differs after each renewal; None: nobody has led yet, or who led has resigned."""
        if mark is None:
            self._free_at = -math.inf
        elif mark != self._mark:
            self._free_at = now + patience_seconds
        self._mark = mark

    def left_seconds(self, now: float) -> float:
        """How long to wait still; 0 where the seat is free."""
        return max(self._free_at - now, 0.0)


class Election(Protocol):
    """Terms strictly increase. A leader that cannot renew stops trusting itself before another one can lead."""

    async def campaign(self, candidate: str) -> Leadership:
        """Wait until this candidate leads. Cancelling it withdraws the candidate.

        Raises:
            Unavailable: the electing service cannot be reached.
        """

    async def renew(self, leadership: Leadership) -> Leadership:
        """Extend the trust of this term. Scoped to it: a delayed call cannot extend a later one.

        Raises:
            LeadershipLost: another term has begun, or this one cannot be proved any more.
            Unavailable: unknown outcome; trust the old leadership until it ends, and no longer.
        """

    async def resign(self, leadership: Leadership) -> None:
        """End this term so that another candidate leads at once. A delayed resignation of an old term changes nothing."""

    async def close(self) -> None:
        """Give everything back. Calling it twice is harmless."""
