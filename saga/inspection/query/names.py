"""The names that terms of a query may have, and the values that each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from saga.core.duration import duration_ms
from saga.core.nearest import did_you_mean
from saga.core.state.letters import WORDS
from saga.core.state.phase import Phase
from saga.errors import SagaError, UsageError
from saga.inspection.explanation import Situation
from saga.inspection.query.terms import Value
from saga.inspection.wording import phase_word

IS: Final = ("stuck", "paused", "late", "retrying", "waiting", "ended", "rollback-requested")
QUARANTINED: Final = "quarantined"
NUMBER_MAX: Final = 2**31
Reader = Callable[[str, str, float], Value]
"""Reads a value: its comparison, its text, and the time now. Raises UsageError."""


def dashed(word: str) -> str:
    """A word or two as one word of a query: `retry-wait`."""
    return word.replace(" ", "-")


def state_word(letter: str) -> str:
    return dashed(WORDS[letter].partition(" (")[0])


def _text(comparison: str, text: str, _: float) -> Value:
    return Value(comparison + text)


def _part(comparison: str, text: str, _: float) -> Value:
    return Value(comparison + text, is_part=True)


def _one_of(*words: str) -> Reader:
    def read(comparison: str, text: str, _: float) -> Value:
        word = dashed(text)
        if comparison or word not in words:
            raise UsageError(
                f"{comparison}{text!r} is not one of {', '.join(words)}. {did_you_mean(word, words)}".strip()
            )
        return Value(word)

    return read


def _id(comparison: str, text: str, _: float) -> Value:
    try:
        return Value(str(UUID(comparison + text)))
    except ValueError:
        raise UsageError(f"{text!r} is not the id of a saga") from None


def _number(comparison: str, text: str, _: float) -> Value:
    if not (text.isascii() and text.isdigit() and int(text[:12]) < NUMBER_MAX):
        raise UsageError(f"{text!r} is not a number: write 3, >3, >=3, <3 or <=3")
    return Value(text, comparison, float(text))


def _duration(comparison: str, text: str, _: float) -> Value:
    return Value(text, comparison or ">=", duration_ms(text) / 1000)


def _time(comparison: str, text: str, now: float) -> Value:
    return Value(text, comparison or ">=", _moment(text, now))


def _moment(text: str, now: float) -> float:
    """A date, a date and time (UTC unless it says otherwise), or a time from now: -2h, +10m."""
    try:
        if text[:1] in "+-" and text[1:]:
            return now + duration_ms(text[1:]) / 1000 * (1 if text[0] == "+" else -1)
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (SagaError, ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a time: write 2026-01-31, 2026-01-31T12:00, or from now: -2h, +10m"
        ) from None


NAMES: Final[dict[str, Reader]] = {
    "age": _duration,
    "attempts": _number,
    "deadline": _time,
    "definition": _text,
    "ended": _time,
    "event": _text,
    "id": _id,
    "is": _one_of(*IS),
    "key": _text,
    "phase": _one_of(*map(phase_word, Phase)),
    "process": _text,
    "reason": _part,
    "service": _text,
    "started": _time,
    "state": _one_of(*dict.fromkeys(map(state_word, WORDS))),
    "step": _text,
    "tag": _text,
    "version": _number,
    "why": _one_of(*(dashed(situation.value) for situation in Situation)),
}
ARGUED: Final = frozenset(("tag", "step"))
"""The names that take an argument: `tag.region:eu`; `step.charge:succeeded` is the state of one step."""
_STATE_OF_STEP: Final = NAMES["state"]


def reader_of(name: str, argument: str | None) -> Reader:
    """The reader of the values of a term. Raises UsageError if there is no such term."""
    if name not in NAMES:
        raise UsageError(f"there is no {name!r} in a query. {_known(name)}")
    if argument is not None and name not in ARGUED:
        raise UsageError(f"{name} does not have parts: write {name}:VALUE")
    if name == "tag" and argument is None:
        raise UsageError("write tag.NAME:VALUE, for example tag.region:eu")
    return _STATE_OF_STEP if name == "step" and argument is not None else NAMES[name]


def _known(name: str, names: Iterable[str] = tuple(NAMES)) -> str:
    shown = ", ".join("tag.NAME" if one == "tag" else one for one in names)
    return f"{did_you_mean(name, names)} The names are {shown}".strip()
