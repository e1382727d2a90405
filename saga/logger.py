"""The loggers of Saga. They use structlog if the application has configured it, else `logging`, as other libraries do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

import structlog
from structlog.typing import BindableLogger, Context, EventDict, Processor, WrappedLogger

from saga.core.text import named
from saga.ports.url.passwords import without_passwords

Logger = structlog.typing.FilteringBoundLogger
LOSS_SECONDS: Final = 60.0
"""Time for which a process is not ready after a line of its log could not be written."""


def get_logger(name: str) -> Logger:
    """A logger by this name. It looks at the configuration with each line, so that it may be made before structlog is configured.

    In an application that configures neither structlog nor `logging`, only warnings and errors appear, on stderr. A line that
    cannot be written is lost and counted in `lost_lines`; no call raises because of it.
    """
    made = structlog.wrap_logger(
        None, wrapper_class=cast("type[BindableLogger]", partial(_bound, name)), logger_factory_args=(name,)
    )
    return cast("Logger", made)


def _bound(name: str, logger: WrappedLogger, processors: Iterable[Processor], context: Context) -> BindableLogger:
    if structlog.is_configured():
        wrapper: Any = structlog.get_config()["wrapper_class"]
        return cast("BindableLogger", _Unfailing(wrapper(logger, processors=processors, context=context)))
    return cast(
        "BindableLogger",
        _Unfailing(structlog.stdlib.BoundLogger(logging.getLogger(name), processors=_FOR_LOGGING, context=context)),
    )


class _Unfailing:
    """A logger whose calls do not raise, even if the disk is full, the reader of a pipe has gone, or a value has no text."""

    __slots__ = ("_logger",)

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._logger, name)
        return partial(self._call, found) if callable(found) else found

    def _call(self, method: Callable[..., Any], *arguments: object, **fields: object) -> Any:
        try:
            answer = method(*arguments, **fields)
        except Exception as error:  # noqa: BLE001 (the work goes on without this line)
            note_lost_line(error)
            return None
        return _Unfailing(answer) if type(answer) is type(self._logger) else answer  # bind() and its like


@dataclass(slots=True)
class _Losses:
    lines: int = 0
    why: str = ""
    at: float = float("-inf")


_losses: Final = _Losses()


def note_lost_line(error: BaseException) -> None:
    """Counts a line of the log that could not be written."""
    now = time.monotonic()
    _losses.lines = 1 if now - _losses.at > LOSS_SECONDS else _losses.lines + 1
    _losses.at, _losses.why = now, named(error)


def lost_lines() -> str | None:
    """Says how many lines of the log were lost lately, and why; None if none was lost within the last LOSS_SECONDS."""
    if time.monotonic() - _losses.at > LOSS_SECONDS:
        return None
    return f"cannot be written, lost lines: {_losses.lines} ({_losses.why})"


def _line(_: object, __: str, event: EventDict) -> tuple[tuple[str], dict[str, Any]]:
    """The event and its facts as one message of `logging`, without passwords."""
    exc_info, traceback = event.pop("exc_info", None), event.pop("exception", None)
    text = " ".join([str(event.pop("event", "")), *(f"{name}={value}" for name, value in event.items())])
    if traceback is not None:
        text += f"\n{traceback}"
    return (without_passwords(text),), {"exc_info": exc_info}


_FOR_LOGGING: Final[list[Processor]] = [
    structlog.stdlib.filter_by_level,
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.PositionalArgumentsFormatter(),
    _line,
]
