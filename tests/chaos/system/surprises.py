"""Faults inside a process: exceptions that its code does not expect, and a log that cannot be written."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import ParamSpec, TypeVar

from saga_postgres.hot_path.store import PostgresStore
from saga_postgres.membership import PostgresMembership

FOLDER = "SAGA_CHAOS_FOLDER"
FLAG = "surprises"
"""While this file is in the folder of the run, calls of the store raise at random."""
HANG = "hang"
"""While this file is in the folder of the run, the handlers of the desk hang in their threads."""
HANG_POLL_SECONDS = 0.05
LOG_FULL_SECONDS = 3
SHARE = 0.1
_ERRORS = (KeyError("answer"), AssertionError("driver"), ValueError("codec"), RecursionError(), UnicodeError())

P = ParamSpec("P")
Result = TypeVar("Result")


def prepare(folder: Path) -> None:
    """Makes this process obey the flags, and lose its log for a while at SIGUSR1."""
    flag = folder / FLAG
    os.environ[FOLDER] = str(folder)
    for owner, names in (
        (PostgresStore, ("poll", "admit", "fetch", "commit", "extend")),
        (PostgresMembership, ("heartbeat",)),
    ):
        for name in names:
            setattr(owner, name, _surprising(getattr(owner, name), flag))
    signal.signal(signal.SIGUSR1, _lose_log)
    signal.signal(signal.SIGALRM, _restore_log)


def hang() -> None:
    """Hangs as long as the flag is there, as a call without a timeout of its own does."""
    while (Path(os.environ[FOLDER]) / HANG).exists():
        time.sleep(HANG_POLL_SECONDS)


def _surprising(call: Callable[P, Awaitable[Result]], flag: Path) -> Callable[P, Awaitable[Result]]:
    async def surprising(*arguments: P.args, **options: P.kwargs) -> Result:
        if _is_due(flag):
            raise random.choice(_ERRORS)
        return await call(*arguments, **options)

    return surprising


def _is_due(flag: Path) -> bool:
    return flag.exists() and random.random() < SHARE


_kept: list[int] = []


def _lose_log(_: int, __: FrameType | None) -> None:
    if not _kept:
        _kept.append(os.dup(2))
        full = os.open("/dev/full", os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(full, stream)
        os.close(full)
    signal.alarm(LOG_FULL_SECONDS)


def _restore_log(_: int, __: FrameType | None) -> None:
    kept = _kept.pop()
    for stream in (1, 2):
        os.dup2(kept, stream)
    os.close(kept)
