"""The reason why a step was skipped, rejected or quarantined, and how one was undone."""

from __future__ import annotations

from enum import Enum
from typing import Final

from msgspec import DecodeError
from msgspec.json import decode

from saga.core.condition.rejection import Rejection, result_of
from saga.core.rules.backward import FOUND_NOTHING
from saga.core.rules.history_kind import HistoryKind
from saga.core.state.letters import HANDLED, QUARANTINED_LETTERS, REJECTED, SKIPPED
from saga.inspection.moments import last_line
from saga.ports.saga_detail import SagaDetail

BY_OPERATOR: Final = "an operator goes on without it"
_KINDS: Final = {
    HANDLED: HistoryKind.HANDLED,
    REJECTED: HistoryKind.REJECTED,
    **dict.fromkeys(QUARANTINED_LETTERS, HistoryKind.QUARANTINED),
}


def reason_of(detail: SagaDetail, step: int) -> str | None:
    """Returns the reason for a step's state. None: the state needs none, or the line of history was dropped."""
    letter = detail.state.vector[step]
    if letter == SKIPPED:
        return _why_skipped(detail, step)
    if letter == HANDLED and (recorded := _recorded(detail, step)) is not None:
        return recorded
    kind = _KINDS.get(letter)
    line = None if kind is None else last_line(detail, kind, step)
    return None if line is None else line.detail


class Undone(Enum):
    """The undoing of a step that counts as compensated, in words."""

    COMPENSATED = "compensated"
    NO_EFFECT = "had not taken effect"
    NO_COMPENSATION = "has no compensation"


def undone_of(detail: SagaDetail, step: int) -> Undone:
    """Returns how a step was undone. It counts as compensated if its line in the history has been deleted."""
    if last_line(detail, HistoryKind.NOTHING_TO_COMPENSATE, step) is not None:
        return Undone.NO_COMPENSATION
    line = last_line(detail, HistoryKind.COMPENSATED, step)
    return Undone.NO_EFFECT if line is not None and line.detail == FOUND_NOTHING else Undone.COMPENSATED


def _why_skipped(detail: SagaDetail, step: int) -> str | None:
    if last_line(detail, HistoryKind.CONDITION_FALSE, step) is not None:
        return f"its condition is false: {detail.graph.steps[step].condition}"
    return None if last_line(detail, HistoryKind.SKIPPED, step) is None else BY_OPERATOR


def _recorded(detail: SagaDetail, step: int) -> str | None:
    """The reason of a handled rejection is its result, which stays when old history is dropped."""
    record = detail.records.get(step)
    if record is None or record.result is None:
        return None
    try:
        found = result_of(decode(record.result))
    except DecodeError:
        return None
    return found.reason if isinstance(found, Rejection) else None
