"""Signals at a bearable pace: every role that may connect to the database may notify."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from saga.core.allowance import Allowance

SIGNALS_BURST: Final = 20
SIGNALS_PER_SECOND: Final = 20.0
"""Signals without content, and queries that found nothing, of one process: a stranger who notifies causes no more than these."""


class Paced:
    """A listener that passes signals on; those above the pace become one, which comes late."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self._allowance = Allowance(SIGNALS_BURST, SIGNALS_PER_SECOND)
        self._is_late = False

    def __call__(self, *_: object) -> None:
        if self._is_late:
            return
        loop = asyncio.get_running_loop()
        wait_seconds = self._allowance.take(loop.time())
        if wait_seconds > 0:
            self._is_late = True
            loop.call_later(wait_seconds, self._act_late)
        else:
            self._act()

    def _act_late(self) -> None:
        self._is_late = False
        self._act()
