"""External steps: called at least once, always under the same key. A rejection counts only when no earlier call can still arrive."""

from __future__ import annotations

from dataclasses import dataclass

from saga.core.rules import events as ev
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.text import storable
from saga.ports.clock import Clock
from saga.runtime.handlers.answers import DidNotHappen, Pending, Reject
from saga.runtime.handlers.origin import traceback_of
from saga.runtime.handlers.raised import described
from saga.runtime.planning.outcome import NOT_BEGUN, Outcome
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.completion import Completions

_INPUT_ALONE = 1
"""The number of values of a compensation that does not ask for the result of its step."""


@dataclass(frozen=True, slots=True)
class ExternalRunner:
    """Runs external steps. `margin_seconds`: how much later than its timeout a call may still arrive at the other system."""

    clock: Clock
    margin_seconds: float
    completions: Completions

    async def run(self, attempt: Attempt) -> Outcome:
        asked_at = self.clock.monotonic()
        if asked_at >= attempt.claim.lease_ends:  # G26: too late to begin a call
            return Outcome(attempt.claim, None, error=NOT_BEGUN)
        try:
            if attempt.claim.operation is Operation.COMPENSATE:
                await attempt.compensate(attempt.claim.results.get(attempt.claim.step))
                return attempt.compensated()
            return await self._execute(attempt, asked_at)
        except Exception as error:  # noqa: BLE001 (whatever a handler raises is a technical failure: G23)
            if _is_known_to_have_happened(attempt, error):
                return _undo(attempt, error)
            left_seconds = max(attempt.step.timeout_seconds - (self.clock.monotonic() - asked_at), 0.0)
            return _not_done(attempt, error, asked_at, left_seconds + self.margin_seconds)

    async def _execute(self, attempt: Attempt, asked_at: float) -> Outcome:
        if _calls_probe(attempt):
            return await _probe(attempt, asked_at)
        if attempt.claim.until is not None:
            return await self.completions.found(attempt, attempt.claim.until)
        attempt.context.be_completable(await self.completions.key())
        try:
            return attempt.succeeded(await attempt.execute())
        except Pending as pending:
            return self.completions.parked(attempt, pending)


def _not_done(attempt: Attempt, error: Exception, asked_at: float, unanswered_seconds: float) -> Outcome:
    """`unanswered_seconds`: how long a call that broke off may still arrive, until the end of its timeout plus the margin."""
    if isinstance(error, Reject) and attempt.claim.operation is Operation.EXECUTE:
        quiet_seconds = attempt.claim.quiet_at - asked_at
        if quiet_seconds > 0:  # G25: an earlier call may still arrive after this rejection
            return attempt.ongoing(quiet_seconds, f"declined ({error.reason}), not final yet")
        return attempt.rejected(error.reason)
    return attempt.not_done(error, quiet_seconds=unanswered_seconds)


def _is_known_to_have_happened(attempt: Attempt, error: Exception) -> bool:
    """Returns whether the handler has returned a value that cannot be recorded, in a saga that can be rolled back without it.

    Otherwise a person decides: at the pivot and behind it, and where the compensation wants the result.
    """
    compensation = attempt.handler.compensate_function
    if not attempt.has_returned or error is not attempt.refusal or attempt.claim.operation is not Operation.EXECUTE:
        return False
    if compensation is None or compensation.value_count > _INPUT_ALONE:
        return False
    state, pivot = attempt.claim.state, attempt.graph.pivot
    return pivot < 0 or (pivot != attempt.claim.step and not is_pivot_passed(attempt.graph, state.vector))


def _undo(attempt: Attempt, error: Exception) -> Outcome:
    """The saga is rolled back, since the step would fail in the same way again, and it is known that the step has taken effect."""
    reason = storable(f"{attempt.step.name}: {error}")
    text, traceback = described(error), traceback_of(error)
    happened = ev.Succeeded(attempt.claim.step)
    return Outcome(attempt.claim, happened, None, error=text, traceback=traceback, first=ev.RollbackRequested(reason))


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
