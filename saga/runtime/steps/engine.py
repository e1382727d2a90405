"""Engine steps: a wait looks into the inbox, a timer at the clock."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Raw
from msgspec.json import encode

from saga.core.definition.graph import Graph
from saga.core.definition.step import Timer, Wait
from saga.core.duration import duration_text
from saga.core.rules import events as ev
from saga.core.text import storable
from saga.ports.inbox import InboxEvent
from saga.ports.values.claim import Claim
from saga.ports.values.write import Parking
from saga.runtime.commit.gathering import Gathering
from saga.runtime.leader_watch import LeaderWatch
from saga.runtime.planning.outcome import Outcome
from saga.runtime.timing.store_clock import StoreClock

LOOK_SECONDS: Final = 86_400.0
"""A parked wait looks again after a day at the latest. Nothing relies on it: an event wakes the wait for which it was sent (G63)."""
AGAIN_SECONDS: Final = 1.0
"""The pause after a look that the store did not answer."""

Looks: TypeAlias = Gathering[tuple[UUID, Sequence[str]], InboxEvent | None]
"""Asks for the event of a saga that was sent first under one of these names, and that no step has consumed."""


@dataclass(frozen=True, slots=True)
class EngineRunner:
    """Runs the claims of waits and timers. Any process of their service may: the outcome is the commit, and there is no effect."""

    looks: Looks
    clock: StoreClock
    leaders: LeaderWatch

    async def run(self, claim: Claim, graph: Graph) -> Outcome:
        """Returns the outcome of a claim, or that it goes on waiting."""
        match graph.steps[claim.step]:
            case Timer() as timer:
                left = self.seconds_left(claim, timer.pause_ms / 1000)
                return _happened(claim, b"null") if left <= 0 else Outcome(claim, ev.Ongoing(claim.step, left))
            case Wait() as wait:
                return await self._wait(claim, wait)
            case step:
                raise TypeError(f"{step.name} is not an engine step that runs")

    def seconds_left(self, claim: Claim, whole: float) -> float:
        """The time until the moment of a command. A claim that was handed over with its dispatch has all of it still before it."""
        return whole if claim.until is None else claim.until - claim.store_clock - self.clock.monotonic()

    async def _wait(self, claim: Claim, wait: Wait) -> Outcome:
        left = self.seconds_left(claim, LOOK_SECONDS if wait.wait_ms is None else wait.wait_ms / 1000)
        is_over = wait.wait_ms is not None and left <= 0  # read first: an event that is there wins (G65)
        patience = self.leaders.timeout_pause(-left) if is_over else 0.0
        try:
            event = await self.looks.ask((claim.saga, wait.names))
        except Exception as error:  # noqa: BLE001 (whatever goes wrong with a look, the wait goes on)
            return Outcome(
                claim, ev.Ongoing(claim.step, AGAIN_SECONDS), error=storable(f"cannot look into the inbox: {error}")
            )
        if event is not None:
            return _received(claim, wait, event)
        if is_over and not patience:
            return _timed_out(claim, wait)
        again = LOOK_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311 (spreads the looks)
        pause = again if wait.wait_ms is None else min(patience or left, again)
        return Outcome(claim, ev.Ongoing(claim.step, pause), parking=Parking(claim.step, None, wait.names))


def _received(claim: Claim, wait: Wait, event: InboxEvent) -> Outcome:
    """One name: the output is the payload. Several: it also says which of them came."""
    value = event.payload
    if len(wait.names) > 1:
        value = encode({"event": event.name, "payload": Raw(event.payload)})
    if wait.cancels:
        return Outcome(claim, ev.Cancelled(claim.step, f"the event {event.name}"), value, consumes=event.event)
    return Outcome(claim, ev.Succeeded(claim.step), value, consumes=event.event)


def _timed_out(claim: Claim, wait: Wait) -> Outcome:
    if wait.otherwise is not None:
        return _happened(claim, encode(wait.otherwise["value"]))
    reason = storable(f"no event {' or '.join(wait.names)} within {duration_text(wait.wait_ms or 0)}")
    return Outcome(claim, ev.Rejected(claim.step, reason), is_fenced=True)


def _happened(claim: Claim, value: bytes) -> Outcome:
    return Outcome(claim, ev.Succeeded(claim.step), value)
