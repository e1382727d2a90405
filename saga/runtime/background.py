"""The background loops of a process: nobody awaits them, so they are restarted when they die, and their deaths are reported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Final

from saga.logger import get_logger
from saga.ports.clock import Clock

RESTART_SECONDS: Final = 0.5
"""Pause before a loop that has died is started again."""
TROUBLE_SECONDS: Final = 15.0
"""For this long after the death of one of its loops a process counts as not ready."""

Loop = Callable[[], Coroutine[None, None, None]]


class BackgroundLoops:
    """Every task of a process that nobody awaits is started here.

    A loop ends only by cancellation. One that raises is logged and started again: what it had in hand comes back when the leases end.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._deaths: dict[str, tuple[float, str]] = {}
        self._log = get_logger("saga.process")

    def start(self, loop: Loop, name: str | None = None) -> asyncio.Task[None]:
        """Runs a loop until `cancel`; `name` is what the log and `/readyz` call it."""
        task = asyncio.create_task(self._keep_running(loop, name or loop.__qualname__))
        self._tasks.add(task)
        return task

    async def cancel(self, tasks: Collection[asyncio.Task[None]] | None = None) -> None:
        """Cancels these loops, or all of them, and waits for their end."""
        cancelled = set(self._tasks if tasks is None else tasks)
        self._tasks -= cancelled
        for task in cancelled:
            task.cancel()
        await asyncio.gather(*cancelled, return_exceptions=True)

    async def broken(self) -> None:
        """Waits until one of the loops ends uncancelled, and raises its error. An `Exception` does not end it."""
        while self._tasks:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done & self._tasks:
                task.result()

    @property
    def is_running(self) -> bool:
        """True while there are loops and all of them run."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    def troubles(self) -> list[str]:
        """The loops that died within the last `TROUBLE_SECONDS`, each with its last error."""
        since = self._clock.monotonic() - TROUBLE_SECONDS
        return [f"{name} died: {error}" for name, (died_at, error) in self._deaths.items() if died_at >= since]

    async def _keep_running(self, loop: Loop, name: str) -> None:
        while True:
            try:
                await loop()
            except (asyncio.CancelledError, Exception) as error:  # whatever it is, the loop goes on
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling()):
                    raise  # else a future that the loop waits for was cancelled
                self._deaths[name] = self._clock.monotonic(), type(error).__name__
                self._log.exception("loop died, restarting", loop=name)
            await self._clock.sleep(RESTART_SECONDS)
