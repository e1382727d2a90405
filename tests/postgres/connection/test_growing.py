"""Sessions are opened one after the other while callers wait, on every event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop

from saga_postgres.connection.growth import Growth
from saga_postgres.connection.sessions import Sessions


class Session:
    """A session that is never closed by the server."""

    def is_closed(self) -> bool:
        return False

    def terminate(self) -> None:
        """Ends nothing."""

    def get_settings(self) -> Any:
        return None


def test_callers_that_wait_for_less_than_a_tick_of_the_loop() -> None:
    """A timer of uvloop that is due within half a millisecond does not tell when."""

    async def run() -> int:
        async def connect() -> Session:
            return Session()

        sessions: Sessions[Any] = Sessions(
            "here", connect, connections_max=3, setting="connections", growth=Growth(wait_seconds=0.0003)
        )
        taken = [await sessions.take()]
        taken += await asyncio.gather(sessions.take(), sessions.take())
        sessions.close()
        return len(set(taken))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == 3
