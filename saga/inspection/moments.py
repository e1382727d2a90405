"""The times of the last events of a saga, read from its history."""

from __future__ import annotations

import re
from typing import Final

from saga.core.rules.history_kind import HistoryKind
from saga.core.state.phase import Phase
from saga.ports.saga_detail import HistoryLine, SagaDetail

ROLLING_BACK: Final = frozenset((Phase.COMPENSATING, Phase.COMPENSATED))
"""The row of a saga in these phases has the end of its compensation budget in place of its deadline."""
_EXTENDED_BY: Final = re.compile(r"by (\d+) s")


def deadline_of(detail: SagaDetail) -> float | None:
    """Returns the deadline of a saga; None if there is no deadline.

    Its row keeps the deadline only while it goes forward. After that the definition and the history tell it, to the second.
    """
    if detail.state.phase in (Phase.RUNNING, Phase.COMPLETED):
        return detail.state.deadline
    if detail.graph.deadline_seconds is None:
        return None
    deadline = detail.started_at + detail.graph.deadline_seconds
    for line in detail.history:
        if line.kind in (HistoryKind.ROLLING_BACK, HistoryKind.ABANDONING):
            break
        if line.kind == HistoryKind.DEADLINE_EXTENDED and (by := _EXTENDED_BY.match(line.detail or "")):
            deadline += int(by[1])
    return deadline


def budget_end_of(detail: SagaDetail) -> float | None:
    """Returns when the compensation budget ends or has ended; None if the saga does not roll back."""
    return detail.state.deadline if detail.state.phase in ROLLING_BACK else None


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
