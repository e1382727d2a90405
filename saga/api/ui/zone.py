"""The reader's time zone: a page writes times as its reader's clock shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import Request

COOKIE: Final = "saga_zone"
"""The name of the time zone, which the page's script sets; without it times are in UTC."""
NAME_CHARS_MAX: Final = 64

Clock = Callable[[float], str]


def zone_of(request: Request) -> tzinfo:
    return _zone(request.cookies.get(COOKIE, "")[:NAME_CHARS_MAX])


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):  # there is no such zone, the name is a path, or it is a folder
        return UTC


def clock_in(zone: tzinfo, now: float) -> Clock:
    """Returns a function that writes a moment as time of day in this zone, with the date of another day, and the year of another one."""
    today = datetime.fromtimestamp(now, zone).date()

    def written(at: float) -> str:
        moment = datetime.fromtimestamp(at, zone)
        if moment.date() == today:
            return f"{moment:%H:%M:%S}"
        return f"{moment:%d %b %H:%M:%S}" if moment.year == today.year else f"{moment:%d %b %Y %H:%M:%S}"

    return written
