"""Claims that this process cannot run, because its build does not know their handler or cannot read their input."""

from __future__ import annotations

import random
from collections import OrderedDict
from dataclasses import replace
from typing import Final, Protocol

from saga.core.definition.retry_policy import DEFAULT_RETRY, RetryPolicy
from saga.core.rules import events as ev
from saga.core.state.operation import Operation
from saga.ports.clock import Clock
from saga.ports.values.claim import Claim
from saga.runtime.planning.outcome import Outcome

LEFT_SECONDS_MAX: Final = 60.0
"""Maximum time for which a process leaves a command to others. If it still comes back then, no live build can run it."""
PAUSE_FIRST_SECONDS: Final = 0.25
PAUSE_MAX_SECONDS: Final = 5.0
KNOWN_MAX: Final = 10_000
ONCE: Final = replace(DEFAULT_RETRY, attempts=1)


class Peers(Protocol):
    """The other processes of a service. Implemented by `saga.runtime.planning.router.Router`."""

    def next_peer(self, service: str) -> int | None:
        """Returns the next live process in the order of their numbers; after the highest comes the lowest. None: this is the only one."""


class Misfits:
    """Leaves claims to the other processes of their service: a newer or older build may run them.

    The first time, the next process in the ring gets the command at once, so that it has been everywhere after one round. When
    it comes back, there is a pause, and then it moves on again; the pauses grow. Nothing has begun, so none of this counts as an attempt.
    The only process of a service tries again itself, as the retry policy of the step says: another may be about to start.
    """

    def __init__(self, clock: Clock, peers: Peers) -> None:
        self._clock = clock
        self._peers = peers
        # When each first came, and how often
        self._seen: OrderedDict[tuple[int, int, Operation], tuple[float, int]] = OrderedDict()

    def leave(self, claim: Claim, service: str, why: str, retry: RetryPolicy = ONCE) -> Outcome | None:
        """Returns the outcome that leaves the claim to another process. None once no process can run it, and then it begins afresh."""
        peer = self._peers.next_peer(service)
        since, times = self._met(claim)
        is_given_up = peer is None and retry.is_exhausted(times + 1)
        if is_given_up or self._clock.monotonic() - since >= LEFT_SECONDS_MAX:
            self._seen.pop(_key(claim), None)
            return None
        self._remember(claim, since, times + 1)
        if peer is None:
            pause_seconds = min(retry.pause_seconds(times + 1, random.random()), PAUSE_MAX_SECONDS)  # noqa: S311 (spreads them)
            return Outcome(claim, ev.Ongoing(claim.step, pause_seconds), error=why)
        if times % 2 == 0:
            return Outcome(claim, ev.Ongoing(claim.step, 0.0), error=why, next_process=peer)
        return Outcome(claim, ev.Ongoing(claim.step, _pause_seconds(times // 2)), error=why)

    def pause_seconds(self, claim: Claim) -> float:
        """Returns how long a claim of unknown service pauses.

        It cannot be handed to a peer. The pauses differ, because otherwise this process might be the first to poll it each time.
        """
        since, times = self._met(claim)
        self._remember(claim, since, times + 1)
        return _pause_seconds(times) * (0.5 + random.random())  # noqa: S311

    def _met(self, claim: Claim) -> tuple[float, int]:
        return self._seen.get(_key(claim), (self._clock.monotonic(), 0))

    def _remember(self, claim: Claim, since: float, times: int) -> None:
        self._seen[_key(claim)] = since, times
        if len(self._seen) > KNOWN_MAX:
            self._seen.popitem(last=False)


def _key(claim: Claim) -> tuple[int, int, Operation]:
    return claim.saga.int, claim.step, claim.operation


def _pause_seconds(times: int) -> float:
    return min(PAUSE_FIRST_SECONDS * 2.0 ** min(times, 10), PAUSE_MAX_SECONDS)
