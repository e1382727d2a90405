"""Finds the line of user code in a stack or a traceback, for people who read a log or an error."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from threading import Thread
from types import CodeType, FrameType
from typing import Final

Line = tuple[CodeType, int | None]
_SAGA: Final = f"{Path(__file__).parents[2]}{os.sep}"
_LIBRARIES: Final = (
    *(f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    _SAGA,
    "<frozen",
)


def innermost(lines: Iterable[Line]) -> str | None:
    """Returns the innermost line that belongs neither to a library nor to Saga, as "shop/payments.py:12 in charge".

    `lines`: the outermost first. If all of them belong to libraries, it is the outermost, which is the handler's. A handler that Saga
    itself has made, of a script in a test, has no line.
    """
    found = list(lines)
    if not found or all(line[0].co_filename.startswith(_SAGA) for line in found):
        return None
    own = [line for line in found if not line[0].co_filename.startswith(_LIBRARIES)]
    code, number = (own or found[:1])[-1]
    return f"{'/'.join(PurePath(code.co_filename).parts[-2:])}:{number} in {code.co_name}"


def user_line(frames: Iterable[FrameType]) -> str | None:
    """Returns the innermost of these frames that is user code, written as in `innermost`. None for no frames."""
    return innermost((frame.f_code, frame.f_lineno) for frame in frames)


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
