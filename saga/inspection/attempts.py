"""Reads from the history what the records of a saga do not say: attempts of steps without a record, and what an attempt was for."""

from __future__ import annotations

from typing import Final, NamedTuple

from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import ANY_COMPENSATING, ANY_VOIDING, DISPATCHED, FROZEN, PENDING
from saga.core.state.operation import Operation
from saga.ports.saga_detail import SagaDetail

_OUTCOMES: Final = frozenset({
    HistoryKind.SUCCEEDED, HistoryKind.REJECTED, HistoryKind.HANDLED, HistoryKind.CONDITION_FALSE, HistoryKind.VOIDED,
    HistoryKind.RESOLVED_HAPPENED,
    HistoryKind.RESOLVED_DID_NOT_HAPPEN, HistoryKind.SKIPPED, HistoryKind.FROZEN_EXECUTED, HistoryKind.FROZEN_VOIDED,
    HistoryKind.FROZEN_COMPENSATED, HistoryKind.EFFECT_UNKNOWN,
})  # fmt: skip
_ATTEMPTS: Final = frozenset({
    HistoryKind.FAILED, HistoryKind.SUCCEEDED, HistoryKind.REJECTED, HistoryKind.HANDLED, HistoryKind.RESOLVED_HAPPENED,
    HistoryKind.RESOLVED_DID_NOT_HAPPEN,
})  # fmt: skip


class StepAttempts(NamedTuple):
    """The attempts to execute a step, and its outcome: when it was recorded and which process reported it.

    `finished_at` and `process` are None until the step has an outcome.
    """

    attempts: int
    finished_at: float | None
    process: str | None


def attempts_in_history(detail: SagaDetail, step: int) -> StepAttempts:
    """Counts the attempts to execute a step that the history shows, and finds its outcome."""
    lines = [
        (line, operation)
        for line, operation in zip(detail.history, operations(detail), strict=True)
        if line.step == step
    ]
    attempts = sum(line.kind in _ATTEMPTS and operation is Operation.EXECUTE for line, operation in lines)
    outcome = next((line for line, _ in reversed(lines) if line.kind in _OUTCOMES), None)
    if outcome is None:
        return StepAttempts(attempts, None, None)
    return StepAttempts(attempts, outcome.at, outcome.process if attempts else None)


def operations(detail: SagaDetail) -> list[Operation | None]:
    """Returns which command each line of the history is about; None: the whole saga, or a step that was decided without a command.

    The letter before the line's transaction says it: the lines of one transaction have the same time and the vector after it. A line
    without a vector, and the one behind it, are about steps that go forward.
    """
    found: list[Operation | None] = []
    before: str | None = None
    vector = PENDING * len(detail.graph.steps) if _is_whole(detail) else None
    at = 0.0
    for line in detail.history:
        if line.at != at:
            before, at = vector, line.at
        vector = line.vector
        found.append(None if line.step is None else _operation_of(before or vector, line.step, line.kind))
    return found


def _is_whole(detail: SagaDetail) -> bool:
    """Returns whether the history begins with the start of the saga: old lines may have been dropped."""
    return bool(detail.history) and detail.history[0].kind == HistoryKind.STARTED


def _operation_of(vector: str | None, step: int, kind: str) -> Operation | None:
    letter = DISPATCHED if vector is None else vector[step]
    if letter == PENDING and kind in _OUTCOMES:
        return None
    if letter in ANY_COMPENSATING:
        return Operation.COMPENSATE
    return Operation.VOID_OR_REPORT if letter in ANY_VOIDING or letter == FROZEN else Operation.EXECUTE
