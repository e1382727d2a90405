"""Rows of the database as values of the ports.

Deliberate: rows of the hot path are unpacked by position, which is cheaper than asking a record for each field by its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.values.claim import Claim
from saga.ports.values.overdue import OverdueSaga
from saga.ports.values.write import WriteConflict

Row = Any  # a record: by position, or all at once
_OPERATIONS: Final = {operation.value.encode(): operation for operation in Operation}
_PARKED: Final = b'{"$until":'
_PROGRESS: Final = b',"progress":'
_PHASES: Final = {phase.value.encode(): phase for phase in Phase}


def state_of(row: Mapping[str, Any]) -> State:
    """The state in a row that has the columns of `saga`, by their names."""
    return State(
        phase=_PHASES[row["phase"]],
        vector=row["vector"],
        rollback_requested=row["rollback_requested"],
        paused=row["paused"],
        deadline=row["deadline"],
        reason=row["reason"],
    )


def claim_of(row: Row, asked_at: float, answered_at: float) -> Claim:
    """A `claimed_command`."""
    (
        saga, step, op, number, definition, version, phase, vector, rollback_requested, deadline, reason, waiter,
        input_, result_steps, results, deliveries, failures, first_failed_ago, lease_seconds, quiet_seconds, progress, now, trace,
        isolated_attempts,
    ) = row  # fmt: skip
    until = None
    if progress is not None and progress.startswith(_PARKED):
        until, progress = _parked(progress)
    return Claim(
        saga=saga,
        step=step,
        operation=_OPERATIONS[op],
        number=number,
        definition=definition,
        version=version,
        state=State(_PHASES[phase], vector, rollback_requested, paused=False, deadline=deadline, reason=reason),
        waiter=waiter,
        input=input_,
        results=dict(zip(result_steps, results, strict=True)) if result_steps else {},
        deliveries=deliveries,
        failures=failures,
        first_failed_ago=first_failed_ago,
        lease_ends=asked_at + lease_seconds,  # conservative: counted from before the query
        quiet_at=answered_at + quiet_seconds,  # conservative: counted from after its answer
        progress=progress,
        store_clock=now - answered_at,
        trace=trace,
        isolated_attempts=isolated_attempts,
        until=until,
    )


def _parked(envelope: bytes) -> tuple[float | None, bytes | None]:
    """Takes apart what stands for the progress of a command that was parked for a moment: see `parked_progress` in states.sql."""
    head, _, tail = envelope.partition(_PROGRESS)
    progress = tail.removesuffix(b"}")
    until = head.removeprefix(_PARKED)
    return None if until == b"null" else float(until), None if progress == b"null" else progress


def conflict_of(row: Row, answered_at: float) -> WriteConflict:
    """Reads a `write_conflict`. Its phase is null if the saga does not exist."""
    n, version, phase, *rest, now = row
    state = None if phase is None else State(_PHASES[phase], *rest)
    return WriteConflict(n - 1, version or 0, state, now - answered_at)


def overdue_of(row: Row, answered_at: float) -> OverdueSaga:
    """A row of `overdue_after`."""
    (
        wake_at, saga, version, definition, phase, vector, rollback_requested, paused, deadline, reason, waiter, held, claimed, unquiet,
        now, trace,
    ) = row  # fmt: skip
    return OverdueSaga(
        saga=saga,
        version=version,
        definition=definition,
        state=State(_PHASES[phase], vector, rollback_requested, paused, deadline, reason),
        waiter=waiter,
        held=frozenset(held),
        claimed=frozenset(claimed),
        unquiet=frozenset(unquiet),
        store_clock=now - answered_at,
        trace=trace,
        wake_at=wake_at,
    )
