"""Logging of the commands: structlog on stderr, as JSON lines or for people. Lines of other libraries (`logging`) are written the same way.

`saga.connect` configures nothing: inside your own application the logs are yours (see `saga.logger`). Call `configure` there if
you want these.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Final, Literal

import pydantic_core
import structlog
from structlog.typing import EventDict, Processor

from saga.core.text import class_name, storable, visible_lines
from saga.logger import note_lost_line
from saga.ports.url.passwords import without_passwords
from saga.runtime.handlers.context import current_step

Format = Literal["auto", "json", "console"]
Level = Literal["debug", "info", "warning", "error"]

_RENDERED: Final = frozenset(("timestamp", "level", "exc_info", "stack_info"))
LINE_CHARS_MAX: Final = 10_000
"""Characters of one value in a line of the log that JSON cannot hold as it is."""
_QUIET: Final = ("asyncio", "asyncpg")  # their DEBUG lines help nobody


def configure(log_format: Format, level: Level, *, stream: IO[str] | None = None) -> None:
    """Sets up structlog and the root logger, once, before the first line is logged.

    `auto` is console on a terminal and JSON elsewhere. Lines of a running step carry its saga, step and attempt.
    """
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    is_console = log_format == "console" or (log_format == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_step,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False) if is_console else _stamped,
    ]
    ending = _for_people(stream) if is_console else _for_programs()
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_Printer.factory(stream),
        cache_logger_on_first_use=True,
    )
    _route_standard(stream, number, shared, ending)


class _Printer:
    """Writes finished lines. `name` is that of the logger."""

    def __init__(self, write: Callable[[str], object], flush: Callable[[], None], name: str) -> None:
        self._write = write
        self._flush = flush
        self.name = name

    @classmethod
    def factory(cls, stream: IO[str]) -> Callable[..., _Printer]:
        return lambda *names: cls(stream.write, stream.flush, names[0] if names else "")

    def msg(self, line: str) -> None:
        if "://" in line:
            line = without_passwords(line)
        try:
            self._write_line(line)
        except (OSError, ValueError) as error:  # the disk is full, or the stream is closed
            note_lost_line(error)

    def _write_line(self, line: str) -> None:
        try:
            self._write(line + "\n")
        except UnicodeEncodeError:  # the encoding of the stream is not UTF-8
            self._write(line.encode("ascii", "backslashreplace").decode() + "\n")
        self._flush()

    debug = info = warning = error = critical = exception = msg


def _with_step(_: object, __: str, event: EventDict) -> EventDict:
    """Adds saga and step to the lines of a running handler that do not name a saga."""
    step = current_step.get()
    if step is not None and "saga" not in event:
        event["saga"], event["step"], event["attempt"] = str(step.saga_id), step.step, step.attempt
    return event


def _stamped(_: object, __: str, event: EventDict) -> EventDict:
    """Adds the time as a datetime: the JSON writer formats it faster than Python."""
    event["timestamp"] = datetime.now(UTC)
    return event


def _for_people(stream: IO[str]) -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        _shown,
        structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), pad_event_to=30, exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _for_programs() -> list[Processor]:
    return [structlog.processors.format_exc_info, _json]


def _shown(_: object, __: str, event: EventDict) -> EventDict:
    """Values as texts that cannot act on the terminal."""
    return {name: value if name in _RENDERED else visible_lines(_text(value)) for name, value in event.items()}


def _text(value: object) -> str:
    """The text of any value: a text as it is, another one as Python writes it."""
    if isinstance(value, str):
        return value
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 (a value of a handler)
        return f"{class_name(value)} without a text"


def _json(_: object, __: str, event: EventDict) -> str:
    line = {
        "at": event.pop("timestamp", None),
        "level": event.pop("level", None),
        "event": event.pop("event", None),
        **event,
    }
    try:
        return pydantic_core.to_json(line, fallback=_text).decode()
    except (ValueError, TypeError, RecursionError):  # half a surrogate pair, or an object within itself
        return json.dumps({name: storable(_text(value), LINE_CHARS_MAX) for name, value in line.items()})


def _route_standard(stream: IO[str], level: int, shared: list[Processor], ending: list[Processor]) -> None:
    handler = _Handler(stream)
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.INFO))


class _Handler(logging.StreamHandler[IO[str]]):
    """Counts the lines that it cannot write, instead of printing the error where nobody may read it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, ARG002 (the name of `logging`)
        error = sys.exception()
        if error is not None:
            note_lost_line(error)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Removes passwords from the lines of other libraries."""

    def format(self, record: logging.LogRecord) -> str:
        return without_passwords(super().format(record))
