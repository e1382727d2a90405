"""Documents of the API as the values that a connection to the store gives. Their times are exact to the millisecond."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from saga.core.state.phase import Phase
from saga.inspection.explanation import Explanation, Situation
from saga.inspection.query.search import Searched
from saga.ports.listing import SagaLine

Document = Mapping[str, Any]


def searched_of(page: Document) -> Searched:
    return Searched(
        lines=[_line(one) for one in page["sagas"]],
        cursor=page["next"],
        is_complete=page["complete"],
        scanned_to=None if page["scanned_to"] is None else UUID(page["scanned_to"]),
        now=_seconds(page["now"]),
    )


def _line(one: Document) -> SagaLine:
    return SagaLine(
        saga=UUID(one["saga"]),
        definition_name=one["definition"],
        definition_version=one["version"],
        phase=Phase[one["phase"].upper()],
        is_rollback_requested=one["roll_back_requested"],
        is_paused=one["paused"],
        is_stuck=one["stuck"],
        steps=tuple(one["steps"]),
        since=_seconds(one["since"]),
        deadline=_instant(one["deadline"] or one["compensation_budget_ends_at"]),
        reason=one["reason"],
        key=one["key"],
        started_at=_seconds(one["started_at"]),
        ended_at=_instant(one["ended_at"]),
    )


def explanation_of(found: Document) -> Explanation:
    return Explanation(
        situation=Situation(found["situation"]),
        step=found["step"],
        waits_for=found["waits_for"],
        since=_seconds(found["since"]),
        outlook=(_instant(found["until"]), found["then"]),
        who=tuple(found["who"]),
        remedy=found["remedy"],
        note=found["note"],
    )


def _seconds(text: str) -> float:
    """Seconds since the epoch, from RFC 3339."""
    return datetime.fromisoformat(text).timestamp()


def _instant(text: str | None) -> float | None:
    return None if text is None else _seconds(text)
