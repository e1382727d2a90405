"""Typed options of a URL: `?name=value&name=value`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from saga.core.duration import DURATION_MS_MAX, duration_ms, duration_text

Value = TypeVar("Value")

_FLAGS: Final = {"1": True, "yes": True, "true": True, "0": False, "no": False, "false": False}
_NAME: Final = re.compile(r"[A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Option(Generic[Value]):
    """An option that a URL can have, and its value where the URL does not have it.

    `expected` completes the sentence "option NAME must be ...". `parse` raises ValueError or UsageError for any other text.
    """

    name: str
    default: Value
    expected: str
    parse: Callable[[str], Value]


def flag(name: str, *, default: bool = False) -> Option[bool]:
    """1, yes or true; 0, no or false."""

    def parse(text: str) -> bool:
        if text not in _FLAGS:
            raise ValueError
        return _FLAGS[text]

    return Option(name, default, "1 or 0, yes or no, true or false", parse)


def whole_number(name: str, default: int, *, low: int, high: int, unit: str = "") -> Option[int]:
    """A whole number from `low` to `high`."""

    def parse(text: str) -> int:
        return _within(int(text), low, high)

    return Option(name, default, f"a whole number {_of(unit)}from {low} to {high}", parse)


def number(name: str, default: float, *, low: float, high: float, unit: str = "") -> Option[float]:
    """A number from `low` to `high`, fractions too."""

    def parse(text: str) -> float:
        return _within(float(text), low, high)

    return Option(name, default, f"a number {_of(unit)}from {low:g} to {high:g}", parse)


def duration(name: str, default_ms: int, *, low_ms: int = 0, high_ms: int = DURATION_MS_MAX) -> Option[int]:
    """A duration such as 250ms, 10s or 1h30m, in milliseconds."""

    def parse(text: str) -> int:
        return _within(duration_ms(text), low_ms, high_ms)

    bounds = f" from {duration_text(low_ms)} to {duration_text(high_ms)}"
    is_bounded = (low_ms, high_ms) != (0, DURATION_MS_MAX)
    return Option(name, default_ms, f'a duration{bounds if is_bounded else ""}, such as "200ms", "10s" or "7d"', parse)


def choice(name: str, default: str, *choices: str) -> Option[str]:
    """One of a few texts."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return Option(name, default, f"one of {', '.join(choices)}", parse)


def identifier(name: str, *, chars_max: int) -> Option[str]:
    """At most `chars_max` characters that are allowed in the names of topics and streams; empty by default."""

    def parse(text: str) -> str:
        if len(text) > chars_max or not _NAME.fullmatch(text):
            raise ValueError
        return text

    return Option(name, "", f"at most {chars_max} letters (a-z), digits, _, . and -", parse)


def text(name: str, default: str = "") -> Option[str]:
    """Any text."""
    return Option(name, default, "a text", str)


def file_path(name: str) -> Option[str]:
    """The path of a file, which is not opened here; empty by default."""
    return Option(name, "", "the path of a file", str)


Number = TypeVar("Number", int, float)


def _within(value: Number, low: Number, high: Number) -> Number:
    if not low <= value <= high or math.isnan(value):
        raise ValueError
    return value


def _of(unit: str) -> str:
    return f"of {unit} " if unit else ""
