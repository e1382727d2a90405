"""External steps: called at least once, always under the same key. A rejection counts only when no earlier call can still arrive."""

from __future__ import annotations

from dataclasses import dataclass

from saga.core.rules import events as ev
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.ports.clock import Clock
from saga.runtime.handlers.answers import DidNotHappen, Reject
from saga.runtime.planning.outcome import Outcome
from saga.runtime.steps.attempt import Attempt


@dataclass(frozen=True, slots=True)
class ExternalRunner:
    """Runs external steps. `margin_seconds`: how much later than its timeout a call may still arrive at the other system."""

    clock: Clock
    margin_seconds: float

    async def run(self, attempt: Attempt) -> Outcome:
        asked_at = self.clock.monotonic()
        if asked_at >= attempt.claim.lease_ends:  # G26: too late to begin a call
            return Outcome(attempt.claim, None)
        try:
            if attempt.claim.operation is Operation.COMPENSATE:
                await attempt.compensate(attempt.claim.results.get(attempt.claim.step))
                return attempt.compensated()
            if _calls_probe(attempt):
                return await _probe(attempt, asked_at)
            return attempt.succeeded(await attempt.execute())
        except Exception as error:  # noqa: BLE001 (whatever a handler raises is a technical failure: G23)
            left_seconds = max(attempt.step.timeout_seconds - (self.clock.monotonic() - asked_at), 0.0)
            return _not_done(attempt, error, asked_at, left_seconds + self.margin_seconds)


def _not_done(attempt: Attempt, error: Exception, asked_at: float, unanswered_seconds: float) -> Outcome:
    """`unanswered_seconds`: how long a call that broke off may still arrive, until the end of its timeout plus the margin."""
    if isinstance(error, Reject) and attempt.claim.operation is Operation.EXECUTE:
        quiet_seconds = attempt.claim.quiet_at - asked_at
        if quiet_seconds > 0:  # G25: an earlier call may still arrive after this rejection
            return attempt.ongoing(quiet_seconds, f"declined ({error.reason}), not final yet")
        return attempt.rejected(error.reason)
    return attempt.not_done(error, quiet_seconds=unanswered_seconds)


def _calls_probe(attempt: Attempt) -> bool:
    """A probe resolves an unknown outcome: while the saga compensates, or for a pivot that holds up a rollback."""
    state = attempt.claim.state
    is_awaited_pivot = state.rollback_requested and attempt.graph.pivot == attempt.claim.step
    return attempt.handler.probe_function is not None and (state.phase is Phase.COMPENSATING or is_awaited_pivot)


async def _probe(attempt: Attempt, asked_at: float) -> Outcome:
    try:
        return attempt.succeeded(await attempt.probe())
    except DidNotHappen:
        quiet_seconds = attempt.claim.quiet_at - asked_at
        if quiet_seconds > 0:  # G28: what counts is when the probe was called
            return attempt.ongoing(quiet_seconds, "no trace of it yet, not final")
        return Outcome(attempt.claim, ev.Absent(attempt.claim.step), is_fenced=True)
