"""Journaled steps: the effect and its journal row are one transaction in the service's own database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saga.core.rules import events as ev
from saga.core.rules.pivot import is_pivot_passed
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.errors import Unavailable
from saga.ports.journal import Journal, JournalRow, Mark
from saga.runtime.handlers.answers import Reject
from saga.runtime.planning.outcome import Outcome
from saga.runtime.steps.attempt import Attempt

RACES_MAX: Final = 3
FROZEN_SECONDS: Final = 1.0
_TOMBSTONE: Final = JournalRow(Mark.TOMBSTONE, None, None)
_NO_EFFECT: Final = frozenset((Mark.REJECTED, Mark.TOMBSTONE))
_BARRIERS: Final = {Mark.EXECUTED: Mark.FROZEN, Mark.REJECTED: Mark.TOMBSTONE}  # no retry replaces these marks
_REPORTS: Final = {
    Mark.EXECUTED: ev.JournalReport.EXECUTED,
    Mark.FROZEN: ev.JournalReport.EXECUTED,
    Mark.COMPENSATED: ev.JournalReport.COMPENSATED,
    Mark.REJECTED: ev.JournalReport.VOIDED,
    Mark.TOMBSTONE: ev.JournalReport.VOIDED,
}


class _Raced(Exception):
    """Another process has written the journal row meanwhile: this transaction must be rolled back."""


@dataclass(frozen=True, slots=True)
class JournaledRunner:
    """Runs journaled steps. The journal protects them, not the lease."""

    journal: Journal

    async def run(self, attempt: Attempt) -> Outcome:
        try:
            for _ in range(RACES_MAX):
                try:
                    return await _run(attempt, self.journal)
                except _Raced:
                    attempt.claim.deliveries += 1  # so that the next one reads the journal first
            return attempt.failed(RuntimeError("another process keeps writing the journal of this step"))
        except Exception as error:  # noqa: BLE001 (a handler or its database failed: the retry asks the journal)
            return attempt.not_done(error)


async def _run(attempt: Attempt, journal: Journal) -> Outcome:
    match attempt.claim.operation:
        case Operation.EXECUTE:
            return await _execute(attempt, journal)
        case Operation.COMPENSATE:
            return await _compensate(attempt, journal)
        case Operation.VOID_OR_REPORT:
            return await _void_or_report(attempt, journal)


async def _execute(attempt: Attempt, journal: Journal) -> Outcome:
    saga, step = attempt.claim.saga, attempt.claim.step
    try:
        async with journal.transaction() as transaction:
            # The first delivery does not read the journal. If it is not the first after all, the insert fails and all is rolled back.
            row = await transaction.find(saga, step) if attempt.claim.deliveries > 1 else None
            if row is not None and _may_retry(attempt, row):
                await transaction.forget(saga, step)
                row = None
            if row is None:
                attempt.context.use(transaction.connection)
                row = JournalRow(Mark.EXECUTED, await attempt.execute(), None)
                if not await transaction.write(saga, step, row):
                    raise _Raced
    except Reject as answer:  # G16: what the handler did is rolled back, the rejection is journaled
        row = await _journal_rejection(attempt, journal, answer.reason)
    match row.mark:
        case Mark.EXECUTED | Mark.FROZEN:  # G15: returned, not produced again
            return attempt.succeeded(row.result)
        case Mark.REJECTED:
            return attempt.rejected(row.reason or "rejected")
        case Mark.TOMBSTONE:  # G39: it reports, it is not silent
            return attempt.rejected("voided before it was executed")
        case Mark.COMPENSATED:
            return attempt.ongoing(FROZEN_SECONDS, "compensated already")


def _may_retry(attempt: Attempt, row: JournalRow) -> bool:
    """G38: after the pivot a rejection can no longer cause a rollback, so the step is tried again.

    Where a rejection is handled, a late report of the journaled one still counts, so it stays (G44). A tombstone stays:
    after the pivot only abandoning writes one, and the claim's state may be older than the tombstone.
    """
    state = attempt.claim.state
    is_passed = state.phase is Phase.RUNNING and is_pivot_passed(attempt.graph, state.vector)
    return row.mark is Mark.REJECTED and is_passed and not attempt.step.goes_on


async def _journal_rejection(attempt: Attempt, journal: Journal, reason: str) -> JournalRow:
    rejection = JournalRow(Mark.REJECTED, None, reason)
    try:
        async with journal.transaction() as transaction:
            if await transaction.write(attempt.claim.saga, attempt.claim.step, rejection):
                return rejection
            return await transaction.find(attempt.claim.saga, attempt.claim.step) or rejection
    except Unavailable as error:
        raise Unavailable(f"its rejection ({reason}) cannot be journaled yet: {error}") from error


async def _compensate(attempt: Attempt, journal: Journal) -> Outcome:
    saga, step = attempt.claim.saga, attempt.claim.step
    async with journal.transaction() as transaction:
        row = await transaction.find(saga, step)
        if row is None:  # G17
            if not await transaction.write(saga, step, _TOMBSTONE):
                raise _Raced
        elif row.mark is Mark.EXECUTED:  # G18
            if not attempt.step.read_only:
                attempt.context.use(transaction.connection)
                await attempt.compensate(row.result)
            await transaction.mark(saga, step, Mark.COMPENSATED)
        elif row.mark is Mark.FROZEN:
            return attempt.ongoing(FROZEN_SECONDS, "frozen: the saga is being abandoned")
    return attempt.compensated(found_nothing=row is None or row.mark in _NO_EFFECT)


async def _void_or_report(attempt: Attempt, journal: Journal) -> Outcome:
    saga, step = attempt.claim.saga, attempt.claim.step
    async with journal.transaction() as transaction:
        row = await transaction.find(saga, step)
        if row is None:
            row = _TOMBSTONE
            if not await transaction.write(saga, step, row):
                raise _Raced
        elif attempt.claim.state.phase is Phase.ABANDONING and row.mark in _BARRIERS:  # G40
            await transaction.mark(saga, step, _BARRIERS[row.mark])
    return Outcome(attempt.claim, ev.Reported(step, _REPORTS[row.mark]), row.result)
