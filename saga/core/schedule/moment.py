"""A moment of a schedule: the local time that a person has chosen, and not an instant."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from saga.core.text import shown_value
from saga.errors import UsageError

_TEXT: Final = re.compile(r"(?P<local>[^\[\]#]+)\[(?P<zone>[^\[\]#]+)\]#(?P<fold>[01])")


class Moment(NamedTuple):
    """A local time in a time zone.

    `fold`: 1 for the second of two equal local times, when clocks are set back. The rules of a time zone change, and two processes may
    know different ones: the instant may change with them, the moment does not.
    """

    local: datetime
    zone: str
    fold: int = 0

    @property
    def text(self) -> str:
        """The moment as it is stored, and as it stands in start keys: `2026-03-29T02:30[Europe/Berlin]#0`."""
        has_seconds = self.local.second or self.local.microsecond
        return f"{self.local.isoformat(timespec='auto' if has_seconds else 'minutes')}[{self.zone}]#{self.fold}"

    @property
    def aware(self) -> datetime:
        """The moment with its offset. A local time that the clocks jump over is as long after the jump as it was meant to be after it."""
        meant = self.local.replace(tzinfo=zone_info(self.zone), fold=self.fold)
        return meant.astimezone(UTC).astimezone(meant.tzinfo)

    @property
    def instant(self) -> float:
        """Seconds since the epoch, by the rules that this process knows."""
        return self.aware.timestamp()


def moment_of(aware: datetime, zone: str) -> Moment:
    """The moment of an instant in a time zone."""
    local = aware.astimezone(zone_info(zone))
    return Moment(local.replace(tzinfo=None, fold=0), zone, local.fold)


def moment_at(instant: float, zone: str) -> Moment:
    """The moment of an instant, in seconds since the epoch."""
    return moment_of(datetime.fromtimestamp(instant, UTC), zone)


def read_moment(text: str) -> Moment:
    """Reads what `Moment.text` has written. Raises UsageError."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise UsageError(f"{shown_value(text)} is not a moment such as 2026-03-29T02:30[Europe/Berlin]#0")
    return Moment(read_local("moment", found["local"]), found["zone"], int(found["fold"]))


def read_local(field: str, text: str) -> datetime:
    """Reads a local time such as `2026-12-01T09:00`. Raises UsageError, also for one with an offset."""
    try:
        local = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"{field}={shown_value(text)} is not a local time: write it as 2026-12-01T09:00") from None
    if local.tzinfo is not None:
        raise UsageError(
            f"{field}={shown_value(text)} has an offset, and a schedule has local times of its zone: leave the offset out"
        )
    return local


@lru_cache(maxsize=64)
def zone_info(name: str) -> ZoneInfo:
    """The rules of a time zone, by its IANA name. Raises UsageError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(
            f"zone={shown_value(name)} is not a time zone that this machine knows: use an IANA name such as Europe/Berlin"
        ) from None
