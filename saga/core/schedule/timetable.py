"""When a schedule starts sagas: a cron expression, an interval, or once."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from cronsim import CronSim, CronSimError
from msgspec import Struct

from saga.core.duration import duration_ms
from saga.core.schedule.moment import Moment, moment_at, moment_of, read_local, zone_info
from saga.core.text import shown_value
from saga.errors import UsageError

CRON_FIELDS: Final = 5
DAY_MS: Final = 86_400_000
EVERY_MS_MIN: Final = 1_000
"""Leaders look for due moments about once a second."""
_CALENDAR: Final = re.compile(r"(\d{1,4})\s*(day|week|month|year)s?")
_MONTHS: Final = 12
_DAYS_MAX: Final = {"day": 1, "week": 7, "month": 31, "year": 366}
YEAR_MAX: Final = 9_990
"""Moments end before the years that Python's calendar has."""


class Timetable(Struct, frozen=True, omit_defaults=True):
    """The moments of a schedule. Exactly one of `cron`, `every` and `at` is given.

    `cron`: five fields, in local time. A time that the clocks jump over comes once, at the end of the jump; one that comes twice counts
    once, except where the expression has every hour or every few minutes, which go on in real time.
    `every`: "15m", "2h": in real time, counted from `start`, or from midnight UTC of the first of January 1970. "1 day", "2 weeks",
    "1 month", "1 year": at the local time of `start`, on its day, or on the last day of a month that is shorter.
    `at`: once, at this local time. `start`, `until`: the first and the last local time that count.
    """

    zone: str = "UTC"
    cron: str | None = None
    every: str | None = None
    at: str | None = None
    start: str | None = None
    until: str | None = None

    def after(self, last: Moment | None, since: float) -> Iterator[Moment]:
        """Yields the moments after the last one that was dealt with, in order; without one, those after the instant `since`."""
        moments = self._moments(moment_at(since, self.zone) if last is None else last)
        bound = None if self.until is None else read_local("until", self.until)
        begin = None if self.start is None else read_local("start", self.start)
        for moment in moments:
            if (bound is not None and moment.local > bound) or moment.local.year > YEAR_MAX:
                return
            if begin is None or moment.local >= begin:
                yield moment

    def check(self) -> None:
        """Raises UsageError, which names the field."""
        given = [name for name in ("cron", "every", "at") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(f"{name}=" for name in given) or "nothing"
            raise UsageError(f"a schedule takes one of cron=, every= and at=; it was given {found}")
        zone_info(self.zone)
        for field in ("at", "start", "until"):
            if (text := getattr(self, field)) is not None:
                read_local(field, text)
        if next(self.after(None, 0.0), None) is None:
            raise UsageError(f"{given[0]}={shown_value(getattr(self, given[0]))} has no moment at all before its end")

    def _moments(self, last: Moment) -> Iterator[Moment]:
        if self.cron is not None:
            return _by_cron(self.cron, last, self.zone, self.start)
        if self.at is not None:
            once = Moment(read_local("at", self.at), self.zone)
            return iter([once] if once.instant > last.instant else [])
        assert self.every is not None  # noqa: S101 (see `check`)
        step = _CALENDAR.fullmatch(self.every.strip())
        if step is not None:
            return _by_calendar(self.every, int(step[1]), step[2], last, self.zone, self.start)
        return _by_interval(self.every, last, self.zone, self.start)


def _by_cron(expression: str, last: Moment, zone: str, start: str | None) -> Iterator[Moment]:
    if len(expression.split()) != CRON_FIELDS:
        raise UsageError(
            f"cron={shown_value(expression)} does not have the five fields minute, hour, day of the month, month and day of the week"
        )
    begin = last.aware.astimezone(zone_info(zone))
    if start is not None:
        begin = max(begin, Moment(read_local("start", start), zone).aware - timedelta(minutes=1))
    try:
        for moment in CronSim(expression, begin):
            yield moment_of(moment, zone)
    except CronSimError as error:
        raise UsageError(f"cron={shown_value(expression)} is not a cron expression: {error}") from None


def _by_interval(every: str, last: Moment, zone: str, start: str | None) -> Iterator[Moment]:
    milliseconds = duration_ms(every)
    if not EVERY_MS_MIN <= milliseconds < DAY_MS:
        raise UsageError(
            f'every={shown_value(every)} is not between a second and a day: for longer ones write "1 day", "2 weeks", "1 month" or '
            '"1 year", which keep the time of day'
        )
    anchor = 0.0 if start is None else Moment(read_local("start", start), zone).instant
    seconds = milliseconds / 1_000
    count = max(int((last.instant - anchor) // seconds) + 1, 0)
    while True:
        instant = datetime.fromtimestamp(anchor, UTC) + timedelta(milliseconds=count * milliseconds)
        if instant.year > YEAR_MAX:
            return
        yield moment_of(instant, zone)
        count += 1


def _by_calendar(every: str, count: int, unit: str, last: Moment, zone: str, start: str | None) -> Iterator[Moment]:
    if count == 0:
        raise UsageError(f"every={shown_value(every)} is not above zero")
    if start is None:
        raise UsageError(f"every={shown_value(every)} needs start=, the local time of the first moment")
    anchor, n = read_local("start", start), 0
    if last.local > anchor:  # near the last one, and not from the beginning each time
        apart = last.local - anchor
        n = max(apart.days // (count * _DAYS_MAX[unit]) - 1, 0)
    while True:
        local = _moved(anchor, n * count, unit)
        if local is None:
            return
        moment = Moment(local, zone)
        if moment.instant > last.instant:
            yield moment
        n += 1


def _moved(anchor: datetime, count: int, unit: str) -> datetime | None:
    """The anchor, that many units later; None: beyond the calendar."""
    if unit in {"day", "week"}:
        days = count * _DAYS_MAX[unit]
        return None if anchor.year + days // 366 > YEAR_MAX else anchor + timedelta(days=days)
    months = anchor.month - 1 + count * (_MONTHS if unit == "year" else 1)
    year, month = anchor.year + months // _MONTHS, months % _MONTHS + 1
    if year > YEAR_MAX:
        return None
    return anchor.replace(year=year, month=month, day=min(anchor.day, calendar.monthrange(year, month)[1]))
