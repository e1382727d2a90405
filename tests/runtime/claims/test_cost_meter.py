"""The cost of claims, as a process reports it."""

from __future__ import annotations

import pytest

from saga.ports.membership import ClaimCost
from saga.runtime.claims.cost_meter import CLAIMS_REMEMBERED, CostMeter
from saga.runtime.claims.intake import Intake
from saga.runtime.claims.poll_requests import PollRequests
from saga.testing.clocks.hand_clock import HandClock

BEGIN = 100.0
PAUSE = 0.5


class Metered:
    """An intake that has ended claims, and the processor time that the process needed meanwhile."""

    def __init__(self) -> None:
        self.clock = HandClock(BEGIN)
        self.clock.processor = 7.0  # of its start, which no claim has caused
        self.intake = Intake(self.clock, PollRequests(10.0))
        self.meter = CostMeter(self.clock, self.intake)

    async def after(self, *, claims: int, processor: float, seconds: float = PAUSE) -> ClaimCost | None:
        self.intake.finished += claims
        self.clock.processor += processor
        await self.clock.advance(seconds)
        return self.meter.measure()


@pytest.fixture
async def metered() -> Metered:
    return Metered()


def seconds(cost: ClaimCost | None) -> float:
    assert cost is not None
    return cost.claim_seconds


async def test_a_process_without_claims_reports_nothing(metered: Metered) -> None:
    assert await metered.after(claims=0, processor=0.01) is None


async def test_a_clock_that_measures_no_processor_time_reports_nothing(metered: Metered) -> None:
    metered.clock.processor = 0.0
    assert await metered.after(claims=10, processor=0.0) is None


async def test_a_claim_costs_its_share_of_the_processor_time(metered: Metered) -> None:
    assert seconds(await metered.after(claims=10, processor=0.05)) == pytest.approx(0.005)


async def test_heartbeats_of_an_idle_process_are_not_counted(metered: Metered) -> None:
    for _ in range(50):
        await metered.after(claims=0, processor=0.004)

    assert seconds(await metered.after(claims=1, processor=0.005)) == pytest.approx(0.001, rel=0.01)


async def test_claims_that_cost_less_than_the_process_itself_count_as_free(metered: Metered) -> None:
    await metered.after(claims=0, processor=0.4)

    assert seconds(await metered.after(claims=1, processor=0.05)) == 0.0


async def test_recent_claims_count_most(metered: Metered) -> None:
    recent = await metered.after(claims=CLAIMS_REMEMBERED + 1, processor=0.0001 * CLAIMS_REMEMBERED)

    for _ in range(8):
        recent = await metered.after(claims=CLAIMS_REMEMBERED, processor=0.005 * CLAIMS_REMEMBERED)

    assert seconds(recent) == pytest.approx(0.005, rel=0.05)


async def test_busy_is_the_share_of_one_processor_used_lately(metered: Metered) -> None:
    recent = None
    for _ in range(10):
        recent = await metered.after(claims=1, processor=0.8 * PAUSE)

    assert recent is not None
    assert recent.busy == pytest.approx(0.8, rel=0.01)


async def test_two_measurements_at_the_same_moment_are_harmless(metered: Metered) -> None:
    first = await metered.after(claims=10, processor=0.05)

    assert await metered.after(claims=0, processor=0.0, seconds=0.0) == first
