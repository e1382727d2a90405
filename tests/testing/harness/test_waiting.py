"""Sagas that wait for events and for time, in a test of a user."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from saga import Definition, UsageError
from saga.inspection.why import why
from saga.testing import harness, scripted
from saga.testing.scenario.run import CannotEnd


class Verdict(BaseModel):
    approved: bool


def transfer(**wait: Any) -> Definition:
    """Asks for a review within three days, reminds after one, and pays what is approved."""
    found = Definition("transfer")
    asked = found.step("desk.ask")
    review = found.wait("review", Verdict, after=asked, **wait)
    reminded = found.step("desk.remind", after=asked, delay="1d", until=review)
    found.step("desk.pay", after=[review, reminded], when=review.output.approved)
    return found


async def test_a_review_in_time_lets_the_saga_go_on() -> None:
    async with harness(transfer(timeout="3d"), scripted("desk")) as shop:
        run = await shop.start()
        await shop.advance("2d")
        await shop.send("review", {"approved": True})
        ending = await run.end()

        assert ending.is_completed
        assert [call.handler for call in shop.calls] == ["desk.ask", "desk.remind", "desk.pay"]


async def test_a_review_that_does_not_come_rolls_back_after_three_days() -> None:
    async with harness(transfer(timeout="3d"), scripted("desk")) as shop:
        begun = shop.now
        ending = await shop.run()

        assert ending.reason == "review: no event review within 3d"
        assert 3 * 86_400 <= (shop.now - begun).total_seconds() < 3 * 86_400 + 60
        assert {call.handler for call in shop.undone()} == {"desk.ask", "desk.remind"}


async def test_a_wait_for_a_year_costs_a_test_nothing() -> None:
    async with harness(transfer(timeout="365d", otherwise={"approved": True}), scripted("desk")) as shop:
        begun = shop.now

        assert (await shop.run()).is_completed
        assert (shop.now - begun).days == 365


async def test_a_wait_without_a_limit_fails_the_test_with_the_command_to_type() -> None:
    async with harness(transfer(), scripted("desk")) as shop:
        run = await shop.start()

        with pytest.raises(CannotEnd, match="the event review"):
            await run.end()
        explained = why(await run.detail())
        assert explained.waits_for == "the event review"
        assert explained.outlook == (None, "there is no time limit")
        assert explained.remedy == f"saga send {run.id} review PAYLOAD"


async def test_an_event_needs_a_saga() -> None:
    async with harness(transfer(), scripted("desk")) as shop:
        with pytest.raises(UsageError, match="no saga was started"):
            await shop.send("review", {"approved": True})
