"""The timeline of a saga as SVG: a row for each step forward and back. Classes only, no styles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from saga.core.rules.history_kind import HistoryKind
from saga.inspection.drawing.spans import Row, Span, rows_of
from saga.inspection.drawing.svg import element, fitting, path, text, title
from saga.inspection.drawing.time_scale import TimeScale
from saga.inspection.wording import Clock, span
from saga.ports.saga_detail import SagaDetail

WIDTH: Final = 1256
MARKS_MAX: Final = 100
"""Maximum number of spans, and of failed attempts, that are drawn in one row: the newest ones."""
ROWS_MAX: Final = 200
"""Maximum number of rows that are drawn; of a saga with more, the first ones. The table of steps has them all."""
_LEFT: Final = 264
_RIGHT: Final = WIDTH - 40
_ROW_HEIGHT: Final = 26
_TOP: Final = 22
_BAR_HEIGHT: Final = 14
_BAR_WIDTH_MIN: Final = 6.0
_LABEL_GAP: Final = 96
_CROSS: Final = 8
_LINES: Final = frozenset(("pause", "person", "wait"))
_WORDS: Final = {
    "queue": "in the queue", "run": "running", "pause": "pause before the next attempt", "person": "waits for an operator",
    "wait": "waits for an event, a moment or another system",
    "ok": "succeeded", "rejected": "rejected", "undone": "compensated", "void": "void",
}  # fmt: skip
_SAGA_EVENTS: Final = {
    HistoryKind.ROLLING_BACK: "rolling back",
    HistoryKind.PAUSED: "paused",
    HistoryKind.RESUMED: "resumed",
    HistoryKind.ABANDONING: "abandoning",
}


def timeline_svg(detail: SagaDetail, clock: Clock) -> str:
    """Draws when each step waited, ran and paused. Queue hollow, running solid, pauses dotted, failed attempts crossed."""
    found = rows_of(detail)
    rows = [_newest(row) for row in found[:ROWS_MAX]]
    end = detail.now if detail.ended_at is None else detail.ended_at
    moments = [detail.started_at, end, *(moment for row in rows for each in row.spans for moment in each[1:])]
    scale = TimeScale([moment for moment in moments if detail.started_at <= moment], _LEFT, _RIGHT)
    height = _TOP + _ROW_HEIGHT * len(rows) + 14
    label = "Timeline: each step forward and back, with queue, attempts and pauses"
    return element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "timeline",
            "width": WIDTH,
            "height": height,
            "viewBox": f"0 0 {WIDTH} {height}",
            "role": "img",
            "aria-label": label,
        },
        *_grid(detail, moments, scale, clock, height),
        *(part for place, row in enumerate(rows) for part in _row(detail, row, place, scale)),
        *([text(12, height - 4, f"and {len(found) - len(rows)} more", "s")] if len(found) > len(rows) else []),
    )


def _newest(row: Row) -> Row:
    """The row with its newest marks; what was before is one pause."""
    if len(row.spans) <= MARKS_MAX and len(row.failures) <= MARKS_MAX:
        return row
    spans = row.spans[-MARKS_MAX:]
    return replace(row, spans=[Span("pause", row.begin, spans[0].begin), *spans], failures=row.failures[-MARKS_MAX:])


def _grid(detail: SagaDetail, moments: Sequence[float], scale: TimeScale, clock: Clock, height: float) -> Iterator[str]:
    named = {line.at: _SAGA_EVENTS[HistoryKind(line.kind)] for line in detail.history if line.kind in _SAGA_EVENTS}
    for moment in _with_label(moments, named, scale, detail.started_at):
        x = scale(moment)
        offset = clock(moment) if moment == detail.started_at else f"+{span(moment - detail.started_at)}"
        yield element("line", {"class": "grid", "x1": x, "x2": x, "y1": 20, "y2": height})
        yield text(x + 4, 14, " ".join(filter(None, (offset, named.get(moment)))), "s")
    right = scale(detail.now)
    kind, word = ("now", "now") if detail.ended_at is None else ("grid", "end")
    offset = span((detail.ended_at or detail.now) - detail.started_at)
    yield element("line", {"class": kind, "x1": right, "x2": right, "y1": 20, "y2": height})
    yield text(WIDTH - 6, 14, f"+{offset} {word}", "s", anchor="end")


def _with_label(moments: Sequence[float], named: Mapping[float, str], scale: TimeScale, start: float) -> list[float]:
    """The moments that get a line and a label: the start, what has a name, and others where there is room."""
    chosen: list[float] = [start]
    for moment in (*named, *sorted(set(moments))):
        x, room = scale(moment), _LABEL_GAP * (2 if moment in named else 1)
        is_free = all(_is_apart(scale(other), x, _LABEL_GAP * (2 if other in named else 1), room) for other in chosen)
        if is_free and x + room <= _RIGHT - _LABEL_GAP / 2:
            chosen.append(moment)
    return sorted(chosen)


def _is_apart(other: float, x: float, room_of_other: float, room: float) -> bool:
    """Tells whether neither label reaches the other; labels stand to the right of their lines."""
    return other + room_of_other <= x or x + room <= other


def _row(detail: SagaDetail, row: Row, place: int, scale: TimeScale) -> Iterator[str]:
    step = detail.graph.steps[row.step]
    top = _TOP + place * _ROW_HEIGHT
    name = f"↶ {step.name}" if row.is_back else step.name
    yield text(12, top + 18, fitting(name, 150))
    yield text(_LEFT - 14, top + 18, fitting(step.service, 76), "s", anchor="end")
    for each in row.spans:
        yield _bar(each, row, top, scale)
    for moment in row.failures:
        x, y = scale(moment) - _CROSS / 2, top + _ROW_HEIGHT / 2 - _CROSS / 2
        yield path((f"M{x:.1f} {y:.1f}l8 8m0-8l-8 8",), "t-x")


def _bar(each: Span, row: Row, top: float, scale: TimeScale) -> str:
    left, right = scale(each.begin), scale(each.end)
    kind = f"t-{each.kind}{' back' if row.is_back else ''}"
    words = title(f"{_WORDS[each.kind]}, {span(each.end - each.begin)}")
    middle = top + _ROW_HEIGHT / 2
    is_retry = each.kind not in _LINES and bool(row.failures) and each.begin >= row.failures[0] and each.kind != "queue"
    if each.kind in _LINES:
        return element("line", {"class": kind, "x1": left, "x2": right, "y1": middle, "y2": middle}, words)
    start = max(left, right - _BAR_WIDTH_MIN) if is_retry else min(left, right - _BAR_WIDTH_MIN)
    pause = ""
    if is_retry and start > left:
        line = {
            "class": f"t-pause{' back' if row.is_back else ''}",
            "x1": left,
            "x2": start,
            "y1": middle,
            "y2": middle,
        }
        pause = element("line", line, title(f"{_WORDS['pause']}, at most {span(each.end - each.begin)}"))
    bar = {
        "class": kind,
        "x": start,
        "y": middle - _BAR_HEIGHT / 2,
        "width": right - start,
        "height": _BAR_HEIGHT,
        "rx": 3,
    }
    return pause + element("rect", bar, words)
