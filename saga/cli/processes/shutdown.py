"""Runs the work of a process until a signal stops it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from saga.logger import get_logger


async def run_until_signalled(work: Coroutine[Any, Any, None]) -> None:
    """Runs until the work ends, or until SIGTERM or SIGINT cancels it, and waits while it shuts down in order.

    A second signal has its default effect.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    is_signalled = False

    def stop(name: str) -> None:
        nonlocal is_signalled
        is_signalled = True
        get_logger("saga").info("stopping", signal=name)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number.name)
    try:
        await task
    except asyncio.CancelledError:
        if not is_signalled:
            raise
