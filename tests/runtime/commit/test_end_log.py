"""The lines about sagas that have ended."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.runtime.commit.end_log import EndLog


def state(phase: Phase, reason: str | None = None) -> State:
    return State(phase, "S", rollback_requested=False, paused=False, deadline=None, reason=reason)


async def lines(caplog: pytest.LogCaptureFixture, *ended: tuple[int, str, State]) -> list[str]:
    caplog.set_level("INFO")
    log = EndLog()
    for number, definition, end in ended:
        log.ended(UUID(int=number), definition, end)
    await asyncio.sleep(0)
    return [record.getMessage() for record in caplog.records]


async def test_a_saga_that_ends_alone_has_a_line(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = await lines(caplog, (7, "order", state(Phase.COMPLETED)))

    assert line.startswith(f"saga ended saga={UUID(int=7)} definition=order outcome=completed")


async def test_sagas_that_complete_together_share_a_line_by_definition(caplog: pytest.LogCaptureFixture) -> None:
    order, trip = await lines(
        caplog, *((number, name, state(Phase.COMPLETED)) for number, name in ((1, "order"), (2, "trip"), (3, "order")))
    )

    assert order.startswith("sagas ended count=2")
    assert str(UUID(int=1)) in order
    assert str(UUID(int=3)) in order
    assert trip.startswith(f"saga ended saga={UUID(int=2)} definition=trip")


async def test_a_saga_that_was_rolled_back_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    ended = [(number, "order", state(Phase.COMPENSATED, "no")) for number in (1, 2)]

    found = await lines(caplog, *ended)

    assert [line.endswith("outcome=compensated reason=no") for line in found] == [True, True]
