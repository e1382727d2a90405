"""External steps: at least once, always the same key, and no decline believed while an earlier call may still arrive."""

from __future__ import annotations

from saga.core.rules import events as ev
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.errors import InputRefused
from saga.ports.clock import Clock
from saga.runtime.handlers.answers import DidNotHappen, GiveUp, NotYet, Reject
from saga.runtime.planning.outcome import Outcome
from saga.runtime.steps.attempt import Attempt


async def run_external(attempt: Attempt, clock: Clock, margin_seconds: float) -> Outcome:
    """Run one claim of an external step."""
    asked_at = clock.monotonic()
    if asked_at >= attempt.claim.lease_ends:  # G26: too late to begin a call
        return Outcome(attempt.claim, None)
    try:
        if attempt.claim.operation is Operation.COMPENSATE:
            await attempt.compensate(attempt.claim.results.get(attempt.claim.step))
            return attempt.compensated()
        if _is_asked(attempt):
            return await _probe(attempt, asked_at)
        return attempt.succeeded(await attempt.execute())
    except NotYet as answer:
        return attempt.ongoing(answer.after_seconds)
    except Exception as error:  # noqa: BLE001 (whatever a handler raises is a technical failure: G23)
        given_up_ago = clock.monotonic() - asked_at
        return _refused(
            attempt, error, asked_at, max(attempt.step.timeout_seconds - given_up_ago, 0.0) + margin_seconds
        )


def _refused(attempt: Attempt, error: Exception, asked_at: float, unanswered_seconds: float) -> Outcome:
    """`unanswered_seconds`: so long a call that broke off may still arrive: until the end of its timeout and the margin."""
    if isinstance(error, Reject) and attempt.claim.operation is Operation.EXECUTE:
        quiet_seconds = attempt.claim.quiet_at - asked_at
        if quiet_seconds > 0:  # G25: an earlier call may still arrive after this decline
            return attempt.ongoing(quiet_seconds, f"declined ({error.reason}), not final yet")
        return attempt.rejected(error.reason)
    is_final = isinstance(error, GiveUp | InputRefused)
    return attempt.failed(error, is_final=is_final, quiet_seconds=unanswered_seconds)


def _is_asked(attempt: Attempt) -> bool:
    """Where there is a probe, it is asked about an unknown outcome: while RESOLVING, or for a pivot that holds up a rollback."""
    state = attempt.claim.state
    is_awaited_pivot = state.rollback_requested and attempt.graph.pivot == attempt.claim.step
    return attempt.served.handler.ask is not None and (state.phase is Phase.COMPENSATING or is_awaited_pivot)


async def _probe(attempt: Attempt, asked_at: float) -> Outcome:
    try:
        return attempt.succeeded(await attempt.probe())
    except DidNotHappen:
        quiet_seconds = attempt.claim.quiet_at - asked_at
        if quiet_seconds > 0:  # G28: what counts is when it was asked
            return attempt.ongoing(quiet_seconds, "no trace of it yet, not final")
        return Outcome(attempt.claim, ev.Absent(attempt.claim.step), is_fenced=True)
