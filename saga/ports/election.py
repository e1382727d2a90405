"""Any number of supervisors may run; one of them leads. This page says what that guarantees, and how long a change of leader takes.

## Overview

An election gives the lead to one candidate at a time, for a *term*. The leader renews its lead and resigns when it stops. An election
avoids duplicate work; sagas stay correct without it. Every write of the store is conditional on the version of the saga that it was decided
on, so even two leaders at the same time change no saga twice.

## State model

```text
            campaign()                       renew(): another term has begun,
  candidate ----------> leader of a term --- or the trust has run out ------> candidate
                        |          ^  |
                        +- renew() +  +----- resign() ----------------------> candidate
```

A term has a number. Terms strictly increase, over all candidates, for as long as the election's own data exists: Postgres counts in a row
beside its advisory lock, etcd gives the create revision of the leader's key, and ZooKeeper gives the transaction id that created the
leader's node. The term tells which of two actions is the later one; it is recorded in the store's row of the leader, in logs and in
histories.

## Trust window

Being elected is a fact on the servers. A candidate can only *trust* that it still leads. `Leadership.trusted_until` is the end of that
trust, on the monotonic clock of its process, counted from the moment when the renewal was **requested**, not from when it was answered.
The supervisor renews after a third of the remaining time. A negative answer ends the term. No answer leaves the trust as it is, until it
runs out; then the leader cancels everything it has under way, even if a renewal is still waiting. No wall clock is involved, so setting
it changes nothing. A process that was suspended finds that its trust has run out, and stops before it does anything else.

The servers say who is *elected*; only the leader knows how long it *trusts* itself. The next candidate may be elected while the last leader
still trusts itself: an administrator has ended its session, the server has restarted, or the network was cut on one side. Therefore a
candidate watches the lead (`LeaseWatch`). It sees each renewal. When the lead becomes vacant, it waits until the last renewal that it saw
can no longer be trusted, by its own clock. Only a resignation, which is recorded, makes this wait unnecessary. Whichever election is used,
the leader also writes the store's row of the leader, which operators, the doctor and the enforcement of deadlines read.

## Failures

| Failure | The leader | The next leader |
| --- | --- | --- |
| SIGTERM | resigns | at once |
| its process is killed | is gone | when the trust that was seen, or the lease, has ended |
| it is suspended, and resumes | stops at once, by its clock; it has changed nothing | when the lease has ended |
| its network drops everything | stops, by its clock | when the lease has ended |
| its session is ended for it | learns of it at its next renewal | when the trust that was seen has ended |
| it is on the side of the minority | cannot renew, and stops by its clock | on the side of the majority, when the lease has ended |
| the servers are killed and restarted | cannot renew; goes on if they return in time and know its lease | else when the trust has ended |
| the store is down, the election is not | still leads and can do nothing; deadlines are later extended by the outage | |
| the machine's clock is set | goes on | |
| its whole machine is halted | its clock stood still: it trusts itself for some seconds more | meanwhile; versions protect the sagas |

## Costs

| | Postgres | etcd | ZooKeeper |
| --- | --- | --- | --- |
| one more system to run | no | yes | yes |
| a renewal | one statement, not durable | a lease and a guarded transaction | a guarded transaction |
| a renewal is trusted for | 1.7 s | `ttl` less 1 s (4 s) | two thirds of `session` (3.3 s) |
| a leader that has fallen silent is replaced after | about 2 s | `ttl` and up to half a second | `session` and up to a tick |
| it survives the loss of | what the database survives | a minority of the members | a minority of the servers |

Use Postgres unless you have a reason not to. The supervisor can do nothing without the store, so an election that survives the store gains
little. Reasons are a company rule that leases belong in etcd or ZooKeeper, or a store behind a pooler that keeps no sessions. All
supervisors of a namespace must use the same election: a supervisor that finds a leader of a later term in the store steps back.

## Why there is one leader

With a million waiting sagas, of which 50 a second passed their deadlines, one leader used 2.6 % of a core and enforced each deadline
within 1.2 s (performance.md, "Scale"). On a machine as small and busy as that one, about two
million sagas need several leaders, each with a shard and a term of its own.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Leadership:
    """The lead in one term. `trusted_until`: when its trust ends without renewal, on the monotonic clock of this process."""

    term: int
    trusted_until: float


@dataclass(slots=True)
class LeaseWatch:
    """A candidate's record of the renewals that it saw, which tells when no other leader can still trust itself.

    The lead may become vacant while the leader still trusts itself. A candidate that finds it vacant waits, counted from the last
    renewal *that it saw* and on its own monotonic clock, for as long as a renewal is trusted. A resignation ends the wait.
    """

    _mark: Hashable | None = None
    _free_at: float = -math.inf

    def saw(self, mark: Hashable | None, patience_seconds: float, now: float) -> None:
        """Notes what the election shows. `mark` changes with each renewal; None: nobody has led yet, or the leader has resigned."""
        if mark is None:
            self._free_at = -math.inf
        elif mark != self._mark:
            self._free_at = now + patience_seconds
        self._mark = mark

    def left_seconds(self, now: float) -> float:
        """Returns how long the candidate still has to wait; 0 if the lead is free."""
        return max(self._free_at - now, 0.0)


class Election(Protocol):
    """Elects at most one leader at a time.

    Ordering: terms strictly increase. A leader that cannot renew stops trusting itself before another candidate can lead.
    """

    async def campaign(self, candidate: str) -> Leadership:
        """Waits until this candidate leads. Cancelling it withdraws the candidate.

        Raises:
            Unavailable: the election cannot be reached.
        """

    async def renew(self, leadership: Leadership) -> Leadership:
        """Extends the trust in this term. A delayed call cannot extend a later term.

        Raises:
            LeadershipLost: another term has begun, or this one can no longer be proved.
            Unavailable: the outcome is unknown; the old trust holds until it ends, and no longer.
        """

    async def resign(self, leadership: Leadership) -> None:
        """Ends this term, so that another candidate leads at once. A delayed resignation of an old term changes nothing.

        If the election cannot be reached, the term ends with its lease.
        """

    async def close(self) -> None:
        """Closes all connections. Calling it twice is harmless."""
