"""The harness runs what production runs: conditions, joins, journals, operators, start keys."""

from __future__ import annotations

import asyncio

import pytest

from saga import Context, Definition, Participant, Reject, any_of
from saga.testing import REAL, Crash, Harness, InTurn, harness, scripted
from tests.testing.harness.shop import LAMP, Order, inventory, order

transfer = Definition("transfer", input=Order)
transfer.check(transfer.input.cents > 0, "nothing to transfer")
with transfer.when(transfer.input.cents > 1_000):
    review = transfer.step("people.review", handled=True)
booked = transfer.step("bank.book", after=review, when=~review.rejected)
letter = transfer.step("mail.letter", after=review, when=review.rejected, inputs={"why": review.reason})
transfer.returns({"review": review.output.or_("none"), "reason": review.reason.or_(None)})


@pytest.mark.parametrize(
    ("cents", "names"),
    [(1, ["bank.book"]), (2_000, ["people.review", "bank.book"]), (6_666, ["people.review", "mail.letter"])],
)
async def test_conditions_and_handled_steps(cents: int, names: list[str]) -> None:
    async with harness(transfer, scripted("people", review=reviewed), "bank", "mail") as office:
        ended = await office.run(Order(sku="x", cents=cents))
        assert office.calls.names == names

    assert ended.is_completed


def reviewed(wanted: Order) -> str:
    if wanted.cents == 6_666:
        raise Reject("no devil")
    return "ok"


async def test_a_rejected_step_gives_its_reason_to_the_other_branch() -> None:
    async with harness(transfer, scripted("people", review=Reject("no")), "bank", "mail") as office:
        ended = await office.run(Order(sku="x", cents=6_666))
        assert office.called("mail.letter").inputs == [{"why": "no"}]

    assert ended.value == {"review": "none", "reason": "no"}


async def test_a_check_that_fails() -> None:
    async with harness(transfer, "people", "bank", "mail") as office:
        ended = await office.run(Order(sku="x", cents=0))
        assert not office.calls
        assert repr(office.calls) == "<no calls>"

    assert (ended.status, ended.reason) == ("compensated", "check_1: nothing to transfer")


async def test_a_join_of_which_one_branch_is_enough() -> None:
    quotes = Definition("quotes", input=Order)
    first = quotes.step("one.quote", name="first", handled=True)
    second = quotes.step("two.quote", name="second", handled=True)
    quotes.step("shop.buy", after=any_of(first, second), pivot=True)
    async with harness(quotes, scripted("one", quote=Reject("too busy")), "two", "shop") as shop:
        assert (await shop.run(LAMP)).is_completed
        assert shop.calls.names.count("shop.buy") == 1


def warehouse_of(database: str) -> Participant:
    warehouse = Participant("inventory", database=database)

    @warehouse.step
    async def reserve(wanted: Order, ctx: Context) -> int:
        free = await ctx.sql.get(wanted.sku) or 0
        if free == 0:
            raise Reject("out of stock")
        await ctx.sql.put(wanted.sku, free - 1)
        return 1

    @reserve.compensation
    async def release(wanted: Order, taken: int, ctx: Context) -> None:
        await ctx.sql.put(wanted.sku, await ctx.sql.get(wanted.sku) + taken)

    return warehouse


@pytest.mark.parametrize("database", ["$INVENTORY_DB", "store"], ids=["journaled", "transactional"])
async def test_an_effect_in_a_database_happens_once_however_often_the_process_dies(database: str) -> None:
    crashing = scripted(warehouse_of(database), reserve=InTurn(Crash(after=REAL), Crash(), REAL))
    async with harness(order, crashing, "payments", "mail") as shop:
        shop.rows("inventory")["lamp"] = 5
        assert (await shop.run(LAMP)).is_completed
        assert shop.rows("inventory") == {"lamp": 4}
        assert len(shop.called("inventory.reserve")) == 3


async def test_a_rollback_puts_the_rows_back() -> None:
    refused = scripted("payments", charge=Reject("declined"))
    async with harness(order, warehouse_of("$INVENTORY_DB"), refused, "mail") as shop:
        shop.rows("inventory")["lamp"] = 5
        await shop.run(LAMP)
        assert shop.rows("inventory") == {"lamp": 5}


async def test_one_key_starts_one_saga() -> None:
    async with shop_of_names() as shop:
        first, second = await shop.start(LAMP, key="k1"), await shop.start(LAMP, key="k1", tags={"a": "b"})
        await second.end()
        assert first is second
        assert "order (k1), started with" in shop.story()
        assert (await first.detail()).key == "k1"
        assert repr(first) == f"<saga {first.id}: completed>"


async def test_sagas_are_searched_as_in_production() -> None:
    async with shop_of_names() as shop:
        assert shop.story() == "no saga was started"
        await shop.run(LAMP)
        found = await shop.perform(shop.sagas.search("is:ended"))

    assert len(found.lines) == 1


async def test_a_handler_under_way_ends_with_the_harness() -> None:
    ends: list[str] = []

    async def charge(wanted: Order) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ends.append("tidied up")

    async with harness(order, inventory, scripted("payments", charge=charge), "mail") as shop:
        await shop.start(LAMP)
        await shop.until("payments.charge")

    assert ends == ["tidied up"]


def shop_of_names() -> Harness[Order]:
    return harness(order, "inventory", "payments", "mail")
