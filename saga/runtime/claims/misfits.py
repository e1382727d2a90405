"""Claims that this process cannot run, because its build does not know their handler or cannot read their input."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Protocol

from saga.core.rules import events as ev
from saga.ports.clock import Clock
from saga.ports.values.claim import Claim
from saga.runtime.planning.outcome import Outcome

LEFT_SECONDS_MAX: Final = 60.0
"""Time for which a process leaves a command to others. If it still comes back then, no live build can run it."""
PAUSE_FIRST_SECONDS: Final = 0.25
PAUSE_MAX_SECONDS: Final = 5.0
KNOWN_MAX: Final = 10_000


class Peers(Protocol):
    """The other processes of a service. Implemented by `saga.runtime.planning.router.Router`."""

    def next_peer(self, service: str) -> int | None:
        """The live process that follows this one in the order of their numbers, in a ring; None if there is no other."""


class Misfits:
    """Leaves claims to the other processes of their service: a newer or older build may run them.

    The first time, the next process in the ring gets the command at once, so that it has been everywhere after one round. When
    it comes back, there are growing pauses. Nothing has begun, so none of this counts as an attempt.
    """

    def __init__(self, clock: Clock, peers: Peers) -> None:
        self._clock = clock
        self._peers = peers
        self._seen: OrderedDict[tuple[int, int], tuple[float, int]] = (
            OrderedDict()
        )  # (saga, step) -> since when, how often

    def leave(self, claim: Claim, service: str, why: str) -> Outcome | None:
        """Returns the outcome that leaves the claim to others; None if there are none, or none of them can run it."""
        peer, now, key = self._peers.next_peer(service), self._clock.monotonic(), (claim.saga.int, claim.step)
        since, times = self._seen.get(key, (now, 0))
        if peer is None or now - since >= LEFT_SECONDS_MAX:
            return None
        self._seen[key] = since, times + 1
        if len(self._seen) > KNOWN_MAX:
            self._seen.popitem(last=False)
        if times == 0:
            return Outcome(claim, ev.Ongoing(claim.step, 0.0), error=why, next_process=peer)
        pause = min(PAUSE_FIRST_SECONDS * 2.0 ** min(times - 1, 10), PAUSE_MAX_SECONDS)
        return Outcome(claim, ev.Ongoing(claim.step, pause), error=why)
