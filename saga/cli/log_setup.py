"""The log settings of commands."""

from __future__ import annotations

from saga import logs
from saga.settings import Settings


def log_for_services(settings: Settings) -> None:
    logs.configure(settings.log_format, settings.log_level)


def log_for_people(settings: Settings) -> None:
    """Logs warnings only, so that a command prints its answer alone; the level debug still shows everything."""
    logs.configure(settings.log_format, settings.log_level if settings.log_level == "debug" else "warning")
