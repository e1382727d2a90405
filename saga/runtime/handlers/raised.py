"""Translates the exceptions of user code for the runtime: to an answer or a technical failure, and always to an `Exception`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar, cast

from saga.core.duration import DURATION_MS_MAX
from saga.core.text import class_name, named, storable
from saga.runtime.handlers.answers import DidNotHappen, GiveUp, NotYet, Pending, Reject
from saga.runtime.handlers.context import Context, current_step

NO_REASON: Final = "no reason given"
NAMED_MAX: Final = 5
"""Exceptions of a group that its text names."""
_ANSWERS: Final = (Reject, NotYet, Pending, GiveUp, DidNotHappen)
AnswerT = TypeVar("AnswerT", bound=BaseException)


class Escaped(Exception):
    """Carries what `except Exception` does not catch: sys.exit(), GeneratorExit, a library's own BaseException. Its cause is that."""


def is_foreign(error: BaseException, context: Context) -> bool:
    """Returns whether an exception is not of the handler's making: the framework ends its attempt, or its coroutine is closed.

    A handler that cancels its own task has failed: it may have called the other system, and only an outcome records that.
    """
    if _is(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0  # its own cancellations were taken back when it ended
    return _is(error, GeneratorExit) and current_step.get() is not context


def is_plain_failure(error: BaseException) -> bool:
    """Returns whether an exception can be passed on as it is: an `Exception` that carries no answer."""
    is_failure = _is(error, Exception) and not _is(error, (*_ANSWERS, ExceptionGroup))
    return is_failure and _attribute(error, "__class__", None) is type(error)


def answer_of(error: BaseException) -> Exception:
    """Returns the answer in an exception that is not a plain failure. Raise it from that exception.

    A group of nothing but rejections is a rejection, and so for each other answer. A group in which anything says GiveUp gives up.
    """
    found = list(leaves(error))
    if rejections := _all_of(Reject, found):
        return Reject(storable("; ".join(dict.fromkeys(map(_reason, rejections)))))
    if waits := _all_of(NotYet, found):
        return NotYet(max(map(_seconds, waits)))
    if pending := _all_of(Pending, found):
        return Pending(max(_within(each) for each in pending))
    if _all_of(DidNotHappen, found):
        return DidNotHappen(described(error))
    if any(_is(leaf, GiveUp) for leaf in found):
        return error if isinstance(error, GiveUp) else GiveUp(described(error))
    return Escaped()


def described(error: BaseException) -> str:
    """An exception in one storable text: its class, its message, and what is in it if it is a group. Never raises."""
    if _is(error, Escaped) and error.__cause__ is not None:
        error = error.__cause__
    text = named(error)
    if _is(error, BaseExceptionGroup):
        text = f"{text}: {'; '.join(map(named, islice(leaves(error), NAMED_MAX)))}"
    return storable(text)


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group, and in groups within it; an exception that is not a group is its own."""
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if _is(one, BaseExceptionGroup):
            waiting += reversed(BaseExceptionGroup.exceptions.__get__(one))
        else:
            yield one


def _all_of(kind: type[AnswerT], leaves: Sequence[BaseException]) -> list[AnswerT]:
    found = [cast("AnswerT", leaf) for leaf in leaves if _is(leaf, kind)]
    return found if len(found) == len(leaves) else []


def _reason(rejection: Reject) -> str:
    """The reason, whatever was given as one: a text, an exception, a number, a list."""
    reason = _attribute(rejection, "reason", rejection)  # a subclass may not have called our __init__
    nameless = NO_REASON if type(rejection) is Reject else class_name(rejection)
    return nameless if reason is None else storable(reason) or nameless


def _seconds(answer: NotYet) -> float:
    return _duration(_attribute(answer, "after_seconds", None))


def _within(answer: Pending) -> float:
    return round(_duration(_attribute(answer, "within_seconds", None)), 3)


def _duration(seconds: object) -> float:
    """The seconds that an answer names; 1, if a subclass has not called our __init__."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return 1.0
    return min(max(float(seconds), 0.0), DURATION_MS_MAX / 1_000)


def _is(error: BaseException, kind: type | tuple[type, ...]) -> bool:
    return issubclass(type(error), kind)  # isinstance also asks `__class__`, which may be a property of the user's


def _attribute(answer: BaseException, name: str, default: object) -> object:
    try:
        return getattr(answer, name, default)
    except BaseException:  # noqa: BLE001 (a property of a user's subclass)
        return default
