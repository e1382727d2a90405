"""The loggers of Saga: as the application has configured structlog, else through `logging`, as other libraries log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any, Final, cast

import structlog
from structlog.typing import BindableLogger, Context, EventDict, Processor, WrappedLogger

from saga.ports.url.passwords import without_passwords

Logger = structlog.typing.FilteringBoundLogger


def get_logger(name: str) -> Logger:
    """A logger by this name. It looks at the configuration with each line, so that it may be made before structlog is configured.

    In an application that configures neither structlog nor `logging`, only warnings and errors appear, on stderr.
    """
    made = structlog.wrap_logger(
        None, wrapper_class=cast("type[BindableLogger]", partial(_bound, name)), logger_factory_args=(name,)
    )
    return cast("Logger", made)


def _bound(name: str, logger: WrappedLogger, processors: Iterable[Processor], context: Context) -> BindableLogger:
    if structlog.is_configured():
        wrapper: Any = structlog.get_config()["wrapper_class"]
        return cast("BindableLogger", wrapper(logger, processors=processors, context=context))
    return structlog.stdlib.BoundLogger(logging.getLogger(name), processors=_FOR_LOGGING, context=context)


def _line(_: object, __: str, event: EventDict) -> tuple[tuple[str], dict[str, Any]]:
    """The event and its facts as one message of `logging`, without passwords."""
    exc_info = event.pop("exc_info", None)
    text = " ".join([str(event.pop("event", "")), *(f"{name}={value}" for name, value in event.items())])
    return (without_passwords(text),), {"exc_info": exc_info}


_FOR_LOGGING: Final[list[Processor]] = [
    structlog.stdlib.filter_by_level,
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.PositionalArgumentsFormatter(),
    _line,
]
