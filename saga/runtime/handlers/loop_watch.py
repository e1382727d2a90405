"""A thread that notices when the event loop stands still, and says which handler blocks it."""

from __future__ import annotations

import asyncio
import threading
import time
from types import FrameType
from typing import Final

from saga.logger import get_logger
from saga.runtime.handlers.handler_caller import HandlerCaller
from saga.runtime.handlers.user_code import stack_of, user_line

BEAT_SECONDS: Final = 0.25
"""Pause between two signs of life of the event loop, and between two looks at them."""
BLOCKED_SECONDS: Final = 1.0
"""An event loop without a sign of life for this long counts as blocked."""
NO_HANDLER: Final = "none"


class LoopWatch:
    """Watches one event loop from a thread. It costs four timers a second, and nothing for each step.

    `blocked_seconds`: for how long the loop has stood still, by the handler that it was in, or `NO_HANDLER`.
    """

    def __init__(self) -> None:
        self.blocked_seconds: dict[str, float] = {}
        self._beat_at = 0.0
        self._is_over = threading.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._log = get_logger("saga.process")

    def start(self) -> None:
        """Watches the running loop until `stop`."""
        self._beat(asyncio.get_running_loop())
        looped = threading.current_thread()
        threading.Thread(target=self._watch, args=(looped,), name="saga-loop-watch", daemon=True).start()

    def stop(self) -> None:
        """Ends the thread soon."""
        self._is_over.set()
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beat_at = time.monotonic()
        self._timer = loop.call_later(BEAT_SECONDS, self._beat, loop)

    def _watch(self, looped: threading.Thread) -> None:
        while True:
            looked_at = time.monotonic()
            if self._is_over.wait(BEAT_SECONDS):
                return
            now, beat_at = time.monotonic(), self._beat_at
            # Where this thread was late too, the whole process stood still, as after SIGSTOP
            if now - beat_at >= BLOCKED_SECONDS and now - looked_at < BLOCKED_SECONDS:
                self._report(looped, beat_at)

    def _report(self, looped: threading.Thread, beat_at: float) -> None:
        frames = stack_of(looped)
        handler, facts = _blamed(frames)
        facts["line"] = user_line(frames)
        self._log.warning("event loop is blocked", seconds=round(time.monotonic() - beat_at, 1), **facts)
        while self._beat_at == beat_at and not self._is_over.wait(BEAT_SECONDS):
            pass
        seconds = time.monotonic() - beat_at
        self.blocked_seconds[handler] = self.blocked_seconds.get(handler, 0.0) + seconds
        self._log.warning("event loop turns again", seconds=round(seconds, 1), **facts)


def _blamed(frames: list[FrameType]) -> tuple[str, dict[str, str | None]]:
    """The handler in this stack, and its saga and step; cuts the frames down to those of the handler."""
    for position, frame in enumerate(frames):
        if frame.f_code is HandlerCaller.call.__code__:
            function, context = frame.f_locals["function"], frame.f_locals["context"]
            del frames[: position + 1]
            return function.place, {"handler": function.place, "saga": str(context.saga_id), "step": context.step}
    return NO_HANDLER, {"handler": None, "saga": None, "step": None}
