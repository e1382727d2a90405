"""Durations that an author writes, with the place in the message of a bad one."""

from __future__ import annotations

from typing import Final

from saga.core.check.finding import Code, refused
from saga.core.duration import DURATION_MS_MAX, Duration, duration_ms, duration_text
from saga.core.text import shown_value
from saga.errors import UsageError

STEP_TIMEOUT: Final = "30s"
COMPENSATION_BUDGET: Final = "1d"


def milliseconds(place: str, field: str, value: Duration, longest: int = DURATION_MS_MAX) -> int:
    """Returns a duration in milliseconds. Raises DefinitionError: it is not one, not above zero, or too long."""
    try:
        found = duration_ms(value)
    except UsageError as error:
        reason = f"{field}={shown_value(value)} is not a duration."
        raise refused(Code.TIME_INVALID, place, reason, str(error)) from error
    if found == 0:
        raise refused(Code.TIME_INVALID, place, f"{field}={value!r} is not above zero.", "Set a longer one.")
    if found > longest:
        reason = f"{field}={value!r} is longer than {duration_text(longest)}."
        remedy = "Start the work in one step, and await it in another with NotYet."
        raise refused(Code.TIME_INVALID, place, reason, remedy)
    return found
