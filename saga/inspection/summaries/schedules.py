"""Schedules as documents, which the output of commands and the API share, and as sentences."""

from __future__ import annotations

from collections.abc import Iterable

from saga.core.definition.json_value import Json
from saga.core.schedule.moment import Moment
from saga.core.schedule.timetable import Timetable
from saga.inspection.instants import instant
from saga.ports.schedules.rows import RunLine, ScheduleRow


def schedule_document(row: ScheduleRow, following: Iterable[Moment]) -> dict[str, Json]:
    """A schedule with its next moments. Its input is left out: it may be confidential."""
    spec, when = row.spec, row.spec.when
    times: dict[str, Json] = {
        "cron": when.cron, "every": when.every, "at": when.at, "zone": when.zone, "start": when.start, "until": when.until
    }  # fmt: skip
    return {
        "name": row.name,
        "definition": spec.definition,
        "version": spec.version,
        "when": {field: value for field, value in times.items() if value is not None},
        "tags": dict(spec.tags),
        "jitter": spec.jitter,
        "overlap": spec.overlap,
        "catch_up": spec.catch_up,
        "within": spec.within,
        "is_paused": row.is_paused,
        "last_moment": None if row.last is None else row.last.text,
        "last_saga": None if row.saga is None else str(row.saga),
        "next": []
        if row.is_paused
        else [{"moment": moment.text, "at": instant(moment.instant)} for moment in following],
    }


def run_document(line: RunLine) -> dict[str, Json]:
    """A line about the moments of a schedule."""
    run = line.run
    return {
        "id": line.id,
        "at": instant(line.at),
        "moment": run.moment.text,
        "last_moment": None if run.last is None else run.last.text,
        "count": run.count,
        "cause": run.cause.value,
        "saga": None if run.saga is None else str(run.saga),
        "why": run.why,
    }


def when_words(when: Timetable) -> str:
    """The times of a schedule in words: `cron 0 2 * * * (Europe/Berlin)`."""
    kind, value = next((kind, value) for kind in ("cron", "every", "at") if (value := getattr(when, kind)) is not None)
    return f"{kind} {value} ({when.zone})"


def moment_words(moment: Moment) -> str:
    """A moment for people: its local time and its offset."""
    return moment.aware.isoformat(sep=" ", timespec="seconds" if moment.local.second else "minutes")


def run_words(line: RunLine) -> str:
    """The outcome of the moments of a line."""
    run = line.run
    if run.saga is not None:
        how = {"moment": "", "fill": ", filled in", "now": ", at once"}[run.cause.value]
        return f"started {run.saga}{how}"
    count = "missed" if run.count == 1 else f"missed, with {run.count - 1:,} more up to {_last_words(line)}"
    return f"{count}: {run.why}"


def _last_words(line: RunLine) -> str:
    return moment_words(line.run.last or line.run.moment)
