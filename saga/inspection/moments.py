"""The times of the last events of a saga, read from its history."""

from __future__ import annotations

from saga.core.rules.history_kind import HistoryKind
from saga.ports.saga_detail import HistoryLine, SagaDetail


def last_line(detail: SagaDetail, kind: HistoryKind, step: int | None = None) -> HistoryLine | None:
    """Returns the newest line of this kind about this step (None: about the whole saga)."""
    return next((line for line in reversed(detail.history) if (line.kind, line.step) == (kind, step)), None)


def last_time(detail: SagaDetail, kind: HistoryKind, step: int | None = None) -> float:
    """Returns when this last happened; the start of the saga if the history does not say."""
    line = last_line(detail, kind, step)
    return detail.started_at if line is None else line.at


def last_change(detail: SagaDetail) -> float:
    """Returns when the saga last changed. A redrive is not a change."""
    found = (line.at for line in reversed(detail.history) if line.kind != HistoryKind.REDRIVEN)
    return next(found, detail.started_at)


def pending_rollback(detail: SagaDetail) -> str | None:
    """Says why a requested rollback has not begun, if one was requested."""
    if detail.state.rollback_requested:
        return f"a rollback waits until the outcome of the pivot is known ({detail.state.reason})"
    refused = (line for line in reversed(detail.history) if line.kind == HistoryKind.ROLLBACK_REFUSED)
    line = next(refused, None)
    return None if line is None else f"a rollback was refused ({line.detail})"
