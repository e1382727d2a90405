"""Times, states and answers in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from saga.core.state.letters import WORDS
from saga.core.state.phase import Phase
from saga.inspection.why import Why
from saga.ports.saga_detail import SagaDetail

Clock = Callable[[float], str]
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
VALUE_CHARS_MAX: Final = 400
TENTHS_SECONDS_MAX: Final = 10


def clock_of(now: float) -> Clock:
    """Writes a moment as the local time of day, with the date unless that is today's."""
    today = datetime.fromtimestamp(now).astimezone().date()

    def written(at: float) -> str:
        moment = datetime.fromtimestamp(at).astimezone()
        return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M:%S}"

    return written


def span(seconds: float) -> str:
    """A duration for people, two digits or so."""
    seconds = max(seconds, 0.0)
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < TENTHS_SECONDS_MAX else f"{seconds:.0f} s"


def state_of(case: SagaDetail) -> str:
    """The state of a whole saga, as the view `overview` says it."""
    flags = [
        "rollback requested" if case.state.rollback_requested else "",
        "paused" if case.state.paused and not case.state.phase.is_terminal else "",
        "stuck" if case.state.is_stuck and not case.state.phase.is_terminal else "",
    ]
    return ", ".join(filter(None, [phase_word(case.state.phase), *flags]))


def phase_word(phase: Phase) -> str:
    return phase.name.lower()


def letter_word(letter: str) -> str:
    return WORDS[letter]


def title_of(case: SagaDetail) -> str:
    key = f" ({case.key})" if case.key else ""
    return f"{case.graph.name} {case.saga}{key}"


def shortened(text: str, chars_max: int = VALUE_CHARS_MAX) -> str:
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"


def readable(data: bytes | None) -> str:
    """A payload as text; one that is not JSON text is only measured."""
    if data is None:
        return ""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"{len(data)} bytes"


def sentence(case: SagaDetail, answer: Why, clock: Clock) -> str:
    """The answer in one sentence: what, since when, until when, who."""
    since = f"since {clock(answer.since)} ({span(case.now - answer.since)})"
    if answer.waits_for is None:
        took = span(answer.since - case.started_at)
        reason = f", because of {case.state.reason}" if case.state.reason else ""
        said = f"{title_of(case)} is {answer.situation.value} since {clock(answer.since)}, after {took}{reason}"
        return "; ".join(filter(None, [said, answer.note])) + "."
    parts = [
        f"{title_of(case)} waits for {answer.waits_for}, {since}",
        _until(case, answer, clock),
        _who(answer),
        answer.note,
    ]
    return "; ".join(filter(None, parts)) + "."


def _until(case: SagaDetail, answer: Why, clock: Clock) -> str:
    if answer.until is None:
        return answer.then
    left = answer.until - case.now
    when = f"in {span(left)}" if left >= 0 else f"{span(-left)} ago, so at any moment"
    return f"at {clock(answer.until)} ({when}) {answer.then}"


def _who(answer: Why) -> str:
    who = " or ".join(answer.who)
    if who and answer.remedy:
        return f"{who} could act, or you: {answer.remedy}"
    if who:
        return f"{who} could act"
    return f"you could act: {answer.remedy}" if answer.remedy else "nobody who could act is alive"
