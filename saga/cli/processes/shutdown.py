"""Runs the work of a process until a signal stops it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, Final

from saga.cli.exit_codes import FAILED
from saga.logger import get_logger
from saga.runtime.handlers.user_code import stack_of, user_line

LAST_SECONDS: Final = 10.0
"""Time for a process that was told to stop, beyond its drain. Then it ends at once, whatever still runs in it."""
LAST_WORDS_SECONDS: Final = 1.0
"""Time to log why it ends at once, within those seconds."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


async def run_until_signalled(work: Coroutine[Any, Any, None], drain_seconds: float) -> None:
    """Runs until the work ends, or until SIGTERM or SIGINT cancels it, and waits while it shuts down in order.

    The process is gone `LAST_SECONDS` after its drain, even if a handler blocks the event loop or a thread hangs: its claims are then
    taken over, as after a crash. A second signal ends it at once.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    is_signalled = False

    def stop(name: str) -> None:
        get_logger("saga").info("stopping", signal=name)
        task.cancel()

    def on_signal(number: int, _: FrameType | None) -> None:
        """Runs in the main thread even while a handler blocks the event loop there, as handlers of the loop do not."""
        nonlocal is_signalled
        is_signalled = True
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        last = threading.Timer(drain_seconds + LAST_SECONDS - LAST_WORDS_SECONDS, _end_at_once)
        last.daemon = True
        last.start()
        loop.call_soon_threadsafe(stop, signal.Signals(number).name)

    for number in _SIGNALS:
        signal.signal(number, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        if not is_signalled:
            raise


def _end_at_once() -> None:
    """Ends the process even if nothing can be written: the disk is full, or another thread waits for the reader of a pipe."""
    try:
        last_words = threading.Thread(target=_say_last_words, daemon=True)
        last_words.start()
        last_words.join(LAST_WORDS_SECONDS)
    finally:
        os._exit(FAILED)


def _say_last_words() -> None:
    line = user_line(stack_of(threading.main_thread()))
    get_logger("saga").error("did not stop in time, ending at once", line=line)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
