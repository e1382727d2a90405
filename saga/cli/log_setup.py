"""How a command runs: its logs and its signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import structlog

from saga import logs
from saga.settings import Settings


def log_for_services(settings: Settings) -> None:
    logs.configure(settings.log_format, settings.log_level)


def log_for_people(settings: Settings) -> None:
    """A command that answers a question says nothing but the answer; debugging it stays possible."""
    logs.configure(settings.log_format, settings.log_level if settings.log_level == "debug" else "warning")


async def until_told(work: Coroutine[Any, Any, None]) -> None:
    """Run until it ends by itself, or until SIGTERM or SIGINT: then it is cancelled, and may take its time to finish in order.

    A second signal acts as if nobody had listened.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    is_told = False

    def tell(name: str) -> None:
        nonlocal is_told
        is_told = True
        structlog.get_logger("saga").info("stopping", signal=name)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, tell, number.name)
    try:
        await task
    except asyncio.CancelledError:
        if not is_told:
            raise
