"""Times, states and answers in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from saga.core.state.letters import WORDS
from saga.core.state.phase import Phase
from saga.core.text import visible
from saga.inspection.explanation import Explanation, Situation
from saga.ports.saga_detail import SagaDetail

Clock = Callable[[float], str]
VALUE_CHARS_MAX: Final = 400
TENTHS_SECONDS_MAX: Final = 10
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_ENDED: Final = {
    Situation.COMPLETED: "completed",
    Situation.ROLLED_BACK: "was rolled back",
    Situation.ABANDONED: "was abandoned",
}


def clock_of(now: float) -> Clock:
    """Returns a function that writes a moment as local time of day, with the date unless it is today's."""
    today = datetime.fromtimestamp(now).astimezone().date()

    def written(at: float) -> str:
        moment = datetime.fromtimestamp(at).astimezone()
        return f"{moment:%H:%M:%S}" if moment.date() == today else f"{moment:%Y-%m-%d %H:%M:%S}"

    return written


def span(seconds: float) -> str:
    """A duration for people, in about two digits."""
    seconds = max(seconds, 0.0)
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < TENTHS_SECONDS_MAX else f"{seconds:.0f} s"


def state_of(detail: SagaDetail) -> str:
    """The state of a whole saga, in the words of the view `overview`."""
    flags = [
        "rollback requested" if detail.state.rollback_requested else "",
        "paused" if detail.state.paused and not detail.state.phase.is_terminal else "",
        "stuck" if detail.state.is_stuck and not detail.state.phase.is_terminal else "",
    ]
    return ", ".join(filter(None, [phase_word(detail.state.phase), *flags]))


def phase_word(phase: Phase) -> str:
    return phase.name.lower()


def letter_word(letter: str) -> str:
    return WORDS[letter]


def title_of(detail: SagaDetail) -> str:
    """Definition, id and start key of a saga."""
    key = f" ({detail.key})" if detail.key else ""
    return f"{detail.graph.name} {detail.saga}{key}"


def shortened(text: str, chars_max: int = VALUE_CHARS_MAX) -> str:
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"


def readable(data: bytes | None) -> str:
    """A payload as text; of a payload that is not text (a codec may encrypt it) only the size."""
    if data is None:
        return ""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"{len(data)} bytes"


def sentence(detail: SagaDetail, answer: Explanation, clock: Clock) -> str:
    """The answer in one sentence on one line: what, since when, until when, who."""
    parts = _ended(detail, answer, clock) if answer.waits_for is None else _waiting(detail, answer, clock)
    return visible("; ".join(filter(None, parts))) + "."


def _ended(detail: SagaDetail, answer: Explanation, clock: Clock) -> list[str | None]:
    took = span(answer.since - detail.started_at)
    reason = f", because of {detail.state.reason}" if detail.state.reason else ""
    ended = f"{_ENDED[answer.situation]} at {clock(answer.since)}, after {took}{reason}"
    return [f"{title_of(detail)} {ended}", answer.note]


def _waiting(detail: SagaDetail, answer: Explanation, clock: Clock) -> list[str | None]:
    since = f"since {clock(answer.since)} ({span(detail.now - answer.since)})"
    what = f"{title_of(detail)} waits for {answer.waits_for}, {since}"
    return [what, _outlook(detail, answer, clock), _who(answer), answer.note]


def _outlook(detail: SagaDetail, answer: Explanation, clock: Clock) -> str:
    until, then = answer.outlook
    if until is None:
        return then
    left = until - detail.now
    when = f"in {span(left)}" if left >= 0 else f"{span(-left)} ago, so at any moment"
    return f"at {clock(until)} ({when}) {then}"


def _who(answer: Explanation) -> str:
    who = " or ".join(answer.who)
    if who and answer.remedy:
        return f"{who} can act, or you can run: {answer.remedy}"
    if who:
        return f"{who} can act"
    return f"you can run: {answer.remedy}" if answer.remedy else "no process that can act is alive"
