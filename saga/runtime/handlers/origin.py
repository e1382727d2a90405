"""Finds out where in a handler an exception was raised: for the log the traceback, for operators the file and line."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final

from saga.core.text import storable
from saga.errors import SagaError
from saga.runtime.handlers import handler_caller, handler_function, handler_threads, time_limit
from saga.runtime.handlers.raised import Escaped, leaves
from saga.runtime.handlers.user_code import Line, innermost

TRACEBACK_CHARS_MAX: Final = 20_000
"""Characters of a traceback in the log; the end of a longer one is kept."""
_CALLERS: Final = frozenset(
    module.__file__ for module in (handler_caller, handler_function, handler_threads, time_limit)
)
"""The handler's frames follow theirs."""
_TRACEBACK: Final[Any] = BaseException.__dict__["__traceback__"]  # a subclass may have a property of this name


def place_of(error: BaseException) -> str | None:
    """The innermost line of the user's own code, as "shop/payments.py:12 in charge"; None if no handler has raised this."""
    cause, begin = _raised_in_handler(error)
    if begin is None:
        return None
    if issubclass(type(cause), BaseExceptionGroup):
        begin = _traceback(next(leaves(cause))) or begin
    return innermost(_lines(begin))


def traceback_of(error: BaseException) -> str | None:
    """The traceback, from the handler on; None for an error of Saga that says everything in its message. Never raises."""
    cause, begin = _raised_in_handler(error)
    if begin is None and not isinstance(error, SagaError):
        begin = _traceback(error)
    if begin is None:
        return None
    try:
        lines = traceback.format_exception(type(cause), cause, begin)
    except Exception:  # noqa: BLE001 (the exception is the user's: its attributes may raise)
        lines = traceback.format_tb(begin)
    text = "".join(lines)
    return storable(text[-TRACEBACK_CHARS_MAX:], TRACEBACK_CHARS_MAX)


def _raised_in_handler(error: BaseException) -> tuple[BaseException, TracebackType | None]:
    """The exception that the handler has raised, or in which a timeout cut it off, and its traceback from the handler on."""
    if type(error) is Escaped and error.__cause__ is not None:
        error = error.__cause__
    begin = _in_handler(error)
    if begin is None and type(error) is TimeoutError and isinstance(error.__context__, asyncio.CancelledError):
        return error.__context__, _in_handler(error.__context__)
    return error, begin


def _traceback(error: BaseException) -> TracebackType | None:
    found: TracebackType | None = _TRACEBACK.__get__(error)
    return found


def _in_handler(error: BaseException) -> TracebackType | None:
    """The part of the traceback that begins with the handler's own frame."""
    step = _traceback(error)
    while step is not None:
        if _is_caller(step) and step.tb_next is not None and not _is_caller(step.tb_next):
            return step.tb_next
        step = step.tb_next
    return None


def _is_caller(step: TracebackType) -> bool:
    return step.tb_frame.f_code.co_filename in _CALLERS


def _lines(step: TracebackType | None) -> Iterator[Line]:
    while step is not None and not _is_caller(step):
        yield step.tb_frame.f_code, step.tb_lineno
        step = step.tb_next
