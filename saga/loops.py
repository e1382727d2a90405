"""How a process of its own runs Saga: on uvloop where there is one, and with a garbage collector that does not stop the work."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Final, TypeVar

Result = TypeVar("Result")

YOUNG_OBJECTS: Final = (
    50_000  # allocations between two young collections; the default of 700 costs a tenth of the throughput
)


def run(main: Coroutine[None, None, Result]) -> Result:
    """Run a program, as `asyncio.run` does."""
    gc.set_threshold(YOUNG_OBJECTS, 20, 50)
    if sys.platform == "win32":
        return asyncio.run(main)
    import uvloop  # noqa: PLC0415 (not on Windows)

    return uvloop.run(main)


def settle() -> None:
    """Call it when everything is set up: what is there now is never looked at by the collector again."""
    gc.collect()
    gc.freeze()
