"""Finds the line of user code in a stack, for log lines."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Final

_LIBRARIES: Final = tuple(
    str(folder)
    for folder in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        Path(__file__).parents[2],  # Saga itself
        "<frozen",
    )
)


def user_line(frames: Iterable[FrameType]) -> str | None:
    """Finds the innermost line of a stack that belongs neither to a library nor to Saga, for example `shop.py:12, in charge`.

    `frames` begin with the outermost. If all of them belong to libraries, the outermost counts, because the handler is there.
    Returns None if there are no frames.
    """
    found = list(frames)
    if not found:
        return None
    is_user = (not frame.f_code.co_filename.startswith(_LIBRARIES) for frame in reversed(found))
    frame = next((frame for frame, is_own in zip(reversed(found), is_user, strict=True) if is_own), found[0])
    return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"


def waiting_coroutines(coroutine: object) -> Iterator[object]:
    """A coroutine that waits, the one that it waits for, and so on."""
    while coroutine is not None:
        yield coroutine
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)


def frames_of(coroutines: Iterable[object]) -> Iterator[FrameType]:
    """The frames of those coroutines that are suspended."""
    for coroutine in coroutines:
        frame = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is not None:
            yield frame


def stack_of(thread: Thread) -> list[FrameType]:
    """The frames of a thread that runs, the outermost first."""
    frame = None if thread.ident is None else sys._current_frames().get(thread.ident)  # noqa: SLF001 (documented)
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found[::-1]
