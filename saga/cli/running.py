"""How a command runs: its event loop, its signals, its exit code."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from saga import logs
from saga.settings import Settings

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command to its end, on uvloop where there is one."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 (not there on every platform)

    return uvloop.new_event_loop


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


def freeze() -> None:
    """What was made so far stays for good: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
