"""A saga that cannot end in the test fails it at once, with a message that says why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from saga import Conflict, Context, Definition, DefinitionError, GiveUp, NotYet, Participant, Reject, Retry, UsageError
from saga.testing import CannotEnd, Never, Script, harness, scripted
from tests.testing.harness.shop import LAMP, Order, inventory, order

NOT_NOW = NotYet("1h")


async def test_a_step_that_waits_for_a_person() -> None:
    async with harness(order, inventory, scripted("payments", charge=GiveUp("no idea")), "mail") as shop:
        with pytest.raises(CannotEnd, match=r"waits for an operator: step charge.* is quarantined") as caught:
            await shop.run(LAMP)

    assert "charge failed: GiveUp: no idea\n" in str(caught.value)
    assert "reserve succeeded: 100" in str(caught.value)


async def test_a_coroutine_that_waits_for_a_person() -> None:
    async with harness(order, inventory, scripted("payments", charge=GiveUp("no idea")), "mail") as shop:
        run = await shop.start(LAMP)
        with pytest.raises(
            CannotEnd, match="nothing more can happen in this test, and the coroutine has not"
        ) as caught:
            await shop.perform(shop.sagas.wait(run.id))

    assert "charge failed: GiveUp: no idea\n" in str(caught.value)


async def test_an_operator_of_the_test_helps() -> None:
    charge = Script("ch_1", undo=GiveUp("cannot refund"))
    async with harness(order, inventory, scripted("payments", charge=charge), scripted("mail", send=NOT_NOW)) as shop:
        run = await shop.start(LAMP)
        await shop.until("mail.send")
        await run.roll_back("the customer has called")
        shop.script("mail", send=Reject("stopped"))
        await shop.until(lambda: run.is_stuck)
        assert run.steps == {"reserve": "succeeded", "charge": "quarantined (compensating)", "send": "rejected"}
        await run.retry("charge")
        await shop.until(lambda: run.is_stuck)
        await run.resolve("charge", "compensated")
        ended = await run.end()
        assert shop.calls.names.count("undo payments.charge") == 2

    assert (ended.status, ended.reason) == ("compensated", "the customer has called")


async def test_a_step_behind_the_pivot_is_skipped() -> None:
    letter = Definition("letter", input=Order)
    written = letter.step("mail.send", pivot=True)
    letter.step("mail.archive", after=written, retry=Retry(attempts=1))
    async with harness(letter, scripted("mail", archive=GiveUp("no archive"))) as post:
        run = await post.start(LAMP)
        await post.until(lambda: run.is_stuck)
        await post.advance("1m")
        await run.skip("archive")
        assert (await run.end()).is_completed
        assert "archive skipped by an operator" in post.story()


async def test_a_paused_saga() -> None:
    async with harness(order, inventory, scripted("payments", charge=NOT_NOW), "mail") as shop:
        run = await shop.start(LAMP)
        await shop.until("payments.charge")
        await run.pause()
        with pytest.raises(CannotEnd, match="waits for an operator: it is paused"):
            await run.end()
        shop.script("payments", charge=Reject("too late"))
        await run.resume()
        assert (await run.end()).reason == "deadline passed"


async def test_a_saga_that_is_abandoned() -> None:
    async with harness(order, inventory, scripted("payments", charge=Never()), "mail") as shop:
        run = await shop.start(LAMP)
        await shop.until("payments.charge")
        await run.abandon()
        ended = await run.end()
        with pytest.raises(Conflict):
            await run.roll_back()

    assert ended.status == "abandoned"


async def test_a_call_without_an_end() -> None:
    async with harness(order, inventory, scripted("payments", charge=Never()), "mail") as shop:
        with pytest.raises(CannotEnd, match="whose outcome must be known before it can be compensated after"):
            await shop.run(LAMP)


async def test_a_condition_that_never_holds() -> None:
    async with harness(order, inventory, "payments", "mail") as shop:
        await shop.run(LAMP)
        with pytest.raises(CannotEnd, match=r"nothing more can happen in this test, and the condition does not hold"):
            await shop.until(lambda: len(shop.calls) == 4)


async def test_the_harness_is_not_awaited_in_a_handler() -> None:
    async def charge(wanted: Order) -> None:
        await shop.advance("1s")

    async with harness(order, inventory, scripted("payments", charge=charge), "mail") as shop:
        with pytest.raises(UsageError, match="await it in the test itself"):
            await shop.run(LAMP)


def test_a_service_that_is_missing() -> None:
    with pytest.raises(UsageError, match="order v1, step charge: the harness has no service payments"):
        harness(order, inventory, "mail").open()


def test_a_service_that_is_given_twice() -> None:
    with pytest.raises(UsageError, match="the harness was given mail twice"):
        harness(order, inventory, "mail", "mail", "payments").open()


def test_something_that_is_not_a_service() -> None:
    with pytest.raises(UsageError, match="a harness takes participants, names of services and scripted"):
        harness(order, 3).open()  # type: ignore[arg-type]


def test_a_definition_that_does_not_fit_its_participants() -> None:
    with pytest.raises(DefinitionError, match=r"No participant has published a contract for inventory\.reserve"):
        harness(order, Participant("inventory"), "payments", "mail").open()


async def test_a_name_that_no_handler_has() -> None:
    async with harness(order, inventory, "payments", "mail") as shop:
        with pytest.raises(UsageError, match=r"no handler payment\.charge. Did you mean payments\.charge\?"):
            shop.called("payment.charge")
        with pytest.raises(UsageError, match="the harness has no service payment"):
            shop.script("payment", charge=1)
        with pytest.raises(UsageError, match="has no participant inventory with a database"):
            shop.rows("inventory")


async def test_a_handler_that_uses_sql() -> None:
    warehouse = Participant("inventory", database="$INVENTORY_DB")

    @warehouse.step
    async def reserve(wanted: Order, ctx: Context) -> int:
        return int(await ctx.sql.fetchval("select 1"))

    @reserve.compensation
    async def release(wanted: Order, ctx: Context) -> None:
        pass

    async with harness(order, warehouse, "payments", "mail") as shop:
        with pytest.raises(UsageError, match=r"reserve: it uses SQL, .* Script inventory\.reserve\."):
            await shop.run(LAMP)


async def test_a_handler_that_opens_a_connection() -> None:
    async def charge(wanted: Order) -> None:
        await asyncio.open_connection("127.0.0.1", 1)

    async with harness(order, inventory, scripted("payments", charge=charge), "mail") as shop:
        with pytest.raises(UsageError, match="it opened a network connection, and the harness has no network"):
            await shop.run(LAMP)


async def test_a_failed_assertion_gets_the_story() -> None:
    async def fails() -> None:
        async with harness(order, inventory, "payments", "mail") as shop:
            await shop.run(LAMP)
            raise AssertionError("not what I wanted")

    with pytest.raises(AssertionError, match="not what I wanted") as caught:
        await fails()

    (note,) = caught.value.__notes__
    assert "order, started with" in note
    assert "charge succeeded: null" in note


@pytest.mark.parametrize("use", [lambda shop: shop.calls, lambda shop: shop.now], ids=["calls", "now"])
def test_a_harness_that_is_not_open(use: Callable[[object], object]) -> None:
    with pytest.raises(UsageError, match="the harness is not open"):
        use(harness(order, inventory, "payments", "mail"))


def test_a_harness_is_opened_once() -> None:
    opened = harness(order, inventory, "payments", "mail").open()
    with pytest.raises(UsageError, match="open already"):
        opened.open()
    opened.close()
    opened.close()
