"""The clocks of machines: each has a zero of its own, and can jump."""

from __future__ import annotations

import asyncio

from saga.testing.clocks.virtual_loop import VirtualLoop


class MachineClock:
    """See `saga.ports.clock.Clock`."""

    def __init__(self, loop: VirtualLoop, zero: float) -> None:
        self._loop = loop
        self._zero = zero

    def monotonic(self) -> float:
        return self._loop.time() + self._zero

    def processor_seconds(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def jump(self, seconds: float) -> None:
        """Moves the clock: future moments become past ones or, with a negative number, past moments become future ones."""
        self._zero += seconds
