"""The story of a saga in plain words, for the message of a test that fails."""

from __future__ import annotations

import math
from typing import Final

from saga.core.rules.history_kind import HistoryKind
from saga.core.state.operation import Operation
from saga.core.text import visible
from saga.inspection.attempts import operations
from saga.inspection.why import why
from saga.inspection.wording import clock_of, readable, sentence, shortened, span
from saga.ports.saga_detail import HistoryLine, SagaDetail

RESULT_CHARS_MAX: Final = 80
LEFT_OUT: Final = frozenset({HistoryKind.STARTED, HistoryKind.REDRIVEN})
LINES_MAX: Final = 40
"""The middle of a longer story is left out."""


def story(detail: SagaDetail) -> str:
    """One line for each thing that has happened, with the time since the start of the saga; then what the saga waits for."""
    title = f"{_title(detail)}, started with {shortened(readable(detail.input), RESULT_CHARS_MAX)}"
    lines = [
        f"  {span(line.at - detail.started_at):>8}  {_event(detail, line, operation)}"
        for line, operation in zip(detail.history, operations(detail), strict=True)
        if line.kind not in LEFT_OUT
    ]
    if len(lines) > LINES_MAX:
        left_out = len(lines) - LINES_MAX
        lines[LINES_MAX // 2 : -LINES_MAX // 2] = [f"            ... {left_out} more"]
    return "\n".join(map(visible, [title, *lines, f"  {explained(detail)}"]))


def explained(detail: SagaDetail) -> str:
    """Tells what the saga waits for, or how it has ended, in one sentence."""
    return sentence(detail, why(detail), clock_of(detail.now))


def _title(detail: SagaDetail) -> str:
    key = f" ({detail.key})" if detail.key else ""
    return f"{detail.graph.name}{key}"


def _event(detail: SagaDetail, line: HistoryLine, operation: Operation | None) -> str:
    name = "" if line.step is None else f"{detail.graph.steps[line.step].name} "
    is_undoing = operation is Operation.COMPENSATE and line.kind == HistoryKind.FAILED
    what = "compensation failed" if is_undoing else line.kind
    about = line.detail or _result(detail, line)
    return f"{name}{what}{f': {about}' if about else ''}"


def _result(detail: SagaDetail, line: HistoryLine) -> str:
    record = None if line.step is None else detail.records.get(line.step)
    if record is None or line.kind != HistoryKind.SUCCEEDED or not math.isclose(record.finished_at, line.at):
        return ""
    return shortened(readable(record.result), RESULT_CHARS_MAX)
