"""Durations as people write them, and as whole milliseconds, as they are stored."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

from saga.core.text import shown_value
from saga.errors import UsageError

Duration = str | int | float | timedelta

DURATION_MS_MAX: Final = 10 * 365 * 86_400_000  # ten years: anything longer is a mistake

_UNITS_MS: Final = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_NUMBER: Final = r"(\d{1,12}(?:\.\d{1,9})?)"
_PATTERN: Final = re.compile(r"\s*".join(rf"(?:{_NUMBER}{unit}(?![a-z]))?" for unit in _UNITS_MS), re.ASCII)


def duration_ms(value: Duration) -> int:
    """Reads "250ms", "10s", "1h30m", "1d", seconds as a number, or a timedelta.

    Units stand from the largest to the smallest, each at most once. A float is rounded to whole milliseconds.

    Raises:
        UsageError: the value is none of these, negative, finer than a millisecond, or above DURATION_MS_MAX.
    """
    if isinstance(value, str):
        milliseconds = _text_ms(value)
    elif isinstance(value, timedelta):
        milliseconds = _rounded(value / timedelta(milliseconds=1), value)
    elif isinstance(value, float):
        milliseconds = _rounded(value * 1_000, value)
    elif type(value) is int:  # a bool is not a duration
        milliseconds = value * 1_000
    else:
        raise _refused(value, f"a {type(value).__name__} is not a duration")
    if milliseconds < 0:
        raise _refused(value, "a duration is not negative")
    if milliseconds > DURATION_MS_MAX:
        raise _refused(value, f"the longest duration is {duration_text(DURATION_MS_MAX)}")
    return milliseconds


def duration_text(milliseconds: int) -> str:
    """Writes a duration as `duration_ms` reads it: "1h30m", "250ms", "0s"."""
    parts: list[str] = []
    rest = milliseconds
    for unit, size in _UNITS_MS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _text_ms(text: str) -> int:
    match = _PATTERN.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise _refused(text, "its form is unknown")
    sizes = zip(match.groups(), _UNITS_MS.values(), strict=True)
    total = sum((Decimal(number) * size for number, size in sizes if number is not None), Decimal(0))
    if total != total.to_integral_value():
        raise _refused(text, "a duration is not finer than a millisecond")
    return int(total)


def _rounded(milliseconds: float, value: Duration) -> int:
    if not math.isfinite(milliseconds):
        raise _refused(value, "a duration is finite")
    whole = round(milliseconds)
    if whole == 0 and milliseconds != 0:
        raise _refused(value, "a duration is not finer than a millisecond")
    return whole


def _refused(value: object, reason: str) -> UsageError:
    forms = 'Write "250ms", "10s", "2m", "1h30m", "1d", a number of seconds, or a timedelta'
    return UsageError(f"{shown_value(value, 80)} cannot be used as a duration: {reason}. {forms}.")
