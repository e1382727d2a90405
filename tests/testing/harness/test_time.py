"""Virtual time: it leaps over what would only tick, and stands still while the test does something else."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from saga import Definition, NotYet, Participant, Reject, Retry
from saga.testing import InTurn, Never, harness, scripted
from tests.testing.harness.shop import DAY_SECONDS, LAMP, Order, inventory, order

HOUR_SECONDS = 3_600


async def test_a_deadline_of_three_days_rolls_back() -> None:
    answers = InTurn(*[ConnectionError("down")] * 2, Reject("never charged"))
    patient = Definition("patient", input=Order, deadline="3d")
    held = patient.step("inventory.reserve")
    patient.step("payments.charge", after=held, retry=Retry(attempts=3, first="2d", cap="2d"), pivot=True)
    async with harness(patient, inventory, scripted("payments", charge=answers)) as shop:
        ended = await shop.run(LAMP)
        assert shop.called("payments.charge")[2].at > 3 * DAY_SECONDS

    assert (ended.status, ended.reason) == ("compensated", "deadline passed")


async def test_time_passes_only_while_the_test_waits_for_it() -> None:
    async with harness(order, inventory, scripted("payments", charge=InTurn(NotYet("2d"), 1)), "mail") as shop:
        begun = shop.now
        run = await shop.start(LAMP)
        await shop.advance("1d")
        assert (run.status, run.steps["charge"]) == ("running", "dispatched")
        assert shop.now - begun == timedelta(days=1)
        await shop.advance(timedelta(days=1, seconds=5))
        assert run.status == "completed"


async def test_time_passes_although_nothing_gets_on() -> None:
    async with harness(order, inventory, scripted("payments", charge=Never()), "mail") as shop:
        run = await shop.start(LAMP)
        await shop.advance("2d")
        assert run.status == "compensating"
        assert shop._world.seconds() == pytest.approx(2 * DAY_SECONDS)


async def test_until_a_handler_is_called() -> None:
    async with harness(order, inventory, scripted("payments", charge=NotYet("1d")), "mail") as shop:
        run = await shop.start(LAMP)
        await shop.until("payments.charge")
        assert len(shop.called("payments.charge")) == 1
        assert not run.is_ended
        await shop.until(lambda: len(shop.called("payments.charge")) == 2)
        assert shop.called("payments.charge")[1].at == pytest.approx(DAY_SECONDS, abs=2.0)


@pytest.mark.parametrize(("lease", "margin"), [("30s", "5s"), ("2s", "500ms")])
async def test_a_handler_that_waits_for_an_hour_keeps_its_claim(lease: str, margin: str) -> None:
    slow = Definition("slow", input=Order)
    slow.step("payments.charge", timeout="2h", pivot=True)
    payments = Participant("payments")

    @payments.step(external=True)
    async def charge(wanted: Order) -> None:
        await asyncio.sleep(HOUR_SECONDS)  # of virtual time: the test takes milliseconds

    async with harness(slow, payments, lease=lease, margin=margin) as shop:
        ended = await shop.run(LAMP)
        assert len(shop.called("payments.charge")) == 1
        assert shop._world.seconds() == pytest.approx(HOUR_SECONDS, abs=1)

    assert ended.is_completed


async def test_time_leaps_to_the_deadline_when_a_service_is_down_for_days() -> None:
    patient = Definition("patient", input=Order, deadline="3d")
    patient.step("payments.charge", retry=Retry(attempts=None), pivot=True)
    down = InTurn(*[ConnectionError("down")] * 60, Reject("never charged"))
    async with harness(patient, scripted("payments", charge=down)) as shop:
        ended = await shop.run(LAMP)
        assert shop.calls[-1].at == pytest.approx(3 * DAY_SECONDS, abs=600.0)

    assert ended.reason == "deadline passed"
