"""Completion from outside: an external step whose handler has raised `Pending` waits in the inbox for its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec import Raw, Struct
from msgspec.json import decode, encode

from saga.errors import SagaError
from saga.ports.inbox import COMPLETION_PREFIX, Inbox, InboxEvent
from saga.ports.values.write import Parking
from saga.runtime.handlers.answers import GiveUp, Pending, Reject
from saga.runtime.leader_watch import LeaderWatch
from saga.runtime.planning.outcome import Outcome
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.engine import AGAIN_SECONDS, LOOK_SECONDS, Looks
from saga.runtime.timing.store_clock import StoreClock

NOT_COMPLETED: Final = "nobody has completed it in time"


class Completion(Struct, frozen=True, omit_defaults=True):
    """The payload of the event that completes a step: the reason of its rejection or failure, or else its result."""

    value: Raw = Raw(b"null")
    rejected: str | None = None
    failed: str | None = None


def completion_document(completion: Completion) -> bytes:
    """A completion as the payload of an event."""
    return encode(completion)


def awaited_name(step: str) -> str:
    """The name of the event that completes a step."""
    return f"{COMPLETION_PREFIX}{step}"


@dataclass(slots=True)
class Completions:
    """Parks the steps that answer `Pending`, and finds their outcomes."""

    inbox: Inbox
    looks: Looks
    clock: StoreClock
    leaders: LeaderWatch
    _key: bytes | None = None

    async def key(self) -> bytes:
        """The key of the tokens of this installation. Raises Unavailable."""
        if self._key is None:
            self._key = await self.inbox.completion_key()
        return self._key

    def parked(self, attempt: Attempt, pending: Pending) -> Outcome:
        """The outcome of an attempt that was answered with `Pending`."""
        step, seconds = attempt.claim.step, pending.within_seconds
        parking = Parking(step, seconds, (awaited_name(attempt.step.name),), is_kept=False)
        outcome = attempt.ongoing(min(seconds, LOOK_SECONDS))
        outcome.parking = parking
        return outcome

    async def found(self, attempt: Attempt, until: float) -> Outcome:
        """Looks for the outcome of a parked step. It counts as an answer of its handler."""
        left = until - attempt.claim.store_clock - self.clock.monotonic()
        patience = self.leaders.timeout_pause(-left) if left <= 0 else 0.0
        name, step = awaited_name(attempt.step.name), attempt.claim.step
        try:
            event = await self.looks.ask((attempt.claim.saga, (name,)))
        except SagaError as error:
            return attempt.ongoing(AGAIN_SECONDS, f"cannot look into the inbox: {error}")
        if event is not None:
            return self._completed(attempt, event)
        if left > 0 or patience:
            outcome = attempt.ongoing(min(patience or left, LOOK_SECONDS))
            outcome.parking = Parking(step, None, (name,))
            return outcome
        outcome = attempt.failed(TimeoutError(NOT_COMPLETED))
        outcome.parking = Parking(step, is_kept=False)
        return outcome

    def _completed(self, attempt: Attempt, event: InboxEvent) -> Outcome:
        completion = decode(event.payload, type=Completion)
        if completion.rejected is not None:
            quiet_seconds = attempt.claim.quiet_at - self.clock.monotonic()
            if quiet_seconds > 0:  # G25: an earlier call may still arrive after this rejection
                return attempt.ongoing(quiet_seconds, f"declined ({completion.rejected}), not final yet")
            outcome = attempt.rejected(Reject(completion.rejected).reason)
        elif completion.failed is not None:
            outcome = attempt.failed(GiveUp(completion.failed), is_final=True)
            outcome.parking = Parking(attempt.claim.step, is_kept=False)
        else:
            outcome = attempt.succeeded(bytes(completion.value))
        outcome.consumes = event.event
        return outcome
