"""The answers that a scripted handler can give, and what the saga does then."""

from __future__ import annotations

import asyncio

import pytest

from saga import Context, DidNotHappen, GiveUp, InputRefused, NotYet, Participant, Reject, UsageError
from saga.testing import REAL, After, Crash, Harness, InTurn, Never, Script, Scripted, harness, scripted
from tests.testing.harness.shop import LAMP, Order, inventory, order


def shop_with(**answers: object) -> Harness[Order]:
    return harness(order, inventory, scripted("payments", **answers), "mail")


async def test_a_value() -> None:
    async with shop_with(charge="ch_1") as shop:
        ended = await shop.run(LAMP)

    assert (ended.status, ended.value) == ("completed", {"charge": "ch_1"})


async def test_a_service_that_is_only_named_returns_nothing() -> None:
    async with harness(order, inventory, "payments", "mail") as shop:
        ended = await shop.run(LAMP)
        assert shop.calls.names == ["inventory.reserve", "payments.charge", "mail.send"]

    assert ended.value == {"charge": None}


async def test_a_rejection_rolls_the_saga_back() -> None:
    async with shop_with(charge=Reject("declined")) as shop:
        ended = await shop.run(LAMP)
        assert shop.calls.names == ["inventory.reserve", "payments.charge", "undo inventory.reserve"]
        assert [call.undone for call in shop.undone("inventory.reserve")] == [100]

    assert (ended.status, ended.reason) == ("compensated", "charge: declined")


async def test_a_function_gets_the_input() -> None:
    async with shop_with(charge=lambda wanted: f"ch_{wanted['cents']}") as shop:
        ended = await shop.run(LAMP)

    assert ended.value == {"charge": "ch_100"}


async def test_a_function_may_have_types_and_a_context() -> None:
    async def charge(wanted: Order, ctx: Context) -> str:
        return f"{wanted.sku} {ctx.attempt}"

    async with shop_with(charge=charge) as shop:
        ended = await shop.run(LAMP)

    assert ended.value == {"charge": "lamp 1"}


async def test_a_model_is_returned_as_json() -> None:
    async with shop_with(charge=LAMP) as shop:
        ended = await shop.run(LAMP)

    assert ended.value == {"charge": {"sku": "lamp", "cents": 100}}


async def test_answers_in_turn_and_the_last_one_for_ever() -> None:
    async with shop_with(charge=InTurn(ConnectionError("reset"), ConnectionError, "ch_1")) as shop:
        first = await shop.run(LAMP)
        second = await shop.run(LAMP)
        attempts = [(call.attempt, call.error is None) for call in shop.called("payments.charge")]

    assert first.value == second.value == {"charge": "ch_1"}
    assert attempts == [(1, False), (2, False), (3, True), (1, True)]


async def test_a_delay_is_virtual() -> None:
    async with shop_with(charge=After("20s", "ch_1")) as shop:
        ended = await shop.run(LAMP)
        assert shop.called("mail.send")[0].at == pytest.approx(20.0, abs=0.1)

    assert ended.value == {"charge": "ch_1"}


async def test_an_answer_that_never_comes_runs_into_the_timeout() -> None:
    async with shop_with(charge=InTurn(Never(), "ch_1")) as shop:
        ended = await shop.run(LAMP)
        first, second = shop.called("payments.charge")

    assert ended.is_completed
    assert second.at - first.at == pytest.approx(30.0, abs=2.0)


async def test_another_process_takes_over_after_a_crash() -> None:
    async with shop_with(charge=InTurn(Crash(), "ch_1")) as shop:
        ended = await shop.run(LAMP)
        first, second = shop.called("payments.charge")

    assert ended.value == {"charge": "ch_1"}
    assert (first.attempt, second.attempt) == (1, 2)
    assert "died with its process" in repr(first)


async def test_the_effect_of_a_real_handler_may_outlive_its_process() -> None:
    taken: list[str] = []
    warehouse = Participant("inventory")

    @warehouse.step(external=True)
    async def reserve(wanted: Order) -> str:
        taken.append(wanted.sku)
        return wanted.sku

    @reserve.compensation
    async def release(wanted: Order, sku: str) -> None:
        taken.remove(sku)

    crashing = scripted(warehouse, reserve=InTurn(Crash(after=REAL), REAL))
    async with harness(order, crashing, "payments", "mail") as shop:
        ended = await shop.run(LAMP)

    assert ended.is_completed
    assert taken == ["lamp", "lamp"]


async def test_a_handler_that_is_asked_again_later() -> None:
    async with shop_with(charge=InTurn(NotYet("1h"), "ch_1")) as shop:
        await shop.run(LAMP)
        assert shop.called("payments.charge")[1].at == pytest.approx(3600.0, abs=2.0)


async def test_a_compensation_is_scripted_beside_its_step() -> None:
    payments = scripted("payments", charge=Script("ch_1", undo=InTurn(ConnectionError("reset"), None)))
    async with harness(order, inventory, payments, scripted("mail", send=Reject("no address"))) as shop:
        ended = await shop.run(LAMP)
        assert shop.calls.names[-3:] == ["undo payments.charge", "undo payments.charge", "undo inventory.reserve"]
        assert len(shop.undone("payments.charge")) == 1
        assert len(shop.undone()) == 2

    assert ended.status == "compensated"


async def test_a_probe_finds_that_nothing_happened() -> None:
    charge = Script(GiveUp("who knows"), probe=DidNotHappen())
    async with shop_with(charge=charge) as shop:
        ended = await shop.run(LAMP)
        assert "probe payments.charge" in shop.calls.names
        assert not shop.undone("payments.charge")

    assert ended.status == "compensated"


async def test_answers_can_be_replaced() -> None:
    async with shop_with(charge="ch_1") as shop:
        await shop.run(LAMP)
        shop.script("payments", charge="ch_2")
        ended = await shop.run(LAMP)

    assert ended.value == {"charge": "ch_2"}


async def test_each_replaced_answer_begins_with_its_first_turn() -> None:
    async with shop_with() as shop:
        for number in range(10):  # an object may get the address of one that is gone
            shop.script("payments", charge=InTurn(number, "wrong"))
            assert (await shop.run(LAMP)).value == {"charge": number}


async def test_one_handler_of_a_real_participant_is_scripted() -> None:
    async with harness(order, scripted(inventory, reserve=3), "payments", "mail") as shop:
        await shop.run(LAMP)
        assert shop.called("inventory.reserve")[0].value == 3
        assert shop.called("inventory.reserve").inputs == [LAMP]


async def test_an_answer_that_does_not_fit_the_real_handler_is_refused() -> None:
    async with harness(order, scripted(inventory, reserve="three"), "payments", "mail") as shop:
        run = await shop.start(LAMP)
        await shop.until(lambda: run.is_stuck)
        assert "inventory.reserve returned what its annotation does not allow" in await run.why()


async def test_a_synchronous_handler_runs_in_a_thread() -> None:
    library = Participant("inventory")

    @library.step(external=True)
    def reserve(wanted: Order) -> int:
        return asyncio.run(slowly(wanted.cents))

    @reserve.compensation
    def release(wanted: Order) -> None:
        pass

    async with harness(order, library, "payments", "mail") as shop:
        ended = await shop.run(LAMP)
        assert shop.called("inventory.reserve")[0].value == 100

    assert ended.is_completed


async def slowly(value: int) -> int:
    await asyncio.sleep(0)
    return value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (scripted("payments", chrge="x"), "payments has no handler chrge to script. Did you mean charge?"),
        (scripted(inventory, reserve=Script(probe=1)), "inventory.reserve has no probe to script"),
        (scripted("payments", charge=Script(undo=1, compensation=False)), "payments.charge has no compensation"),
    ],
)
def test_a_script_for_what_does_not_exist_is_refused(given: Scripted, message: str) -> None:
    rest = [name for name in ("inventory", "payments", "mail") if name != given.service]
    with pytest.raises(UsageError, match=message):
        harness(order, given, *rest).open()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (object(), r"a object cannot be the answer of payments\.charge"),
        (lambda a, b: (a, b), r"the script of payments\.charge: a handler takes at most 1 value"),
    ],
    ids=["an object", "a function of two"],
)
async def test_an_answer_that_cannot_be_given_fails_the_test(answer: object, message: str) -> None:
    async with shop_with(charge=answer) as shop:
        with pytest.raises(UsageError, match=message):
            await shop.run(LAMP)


async def test_a_function_of_anything_gets_the_values() -> None:
    def anything(*values: object) -> int:
        return len(values)

    async with shop_with(charge=Script(anything, undo=anything)) as shop:
        shop.script("mail", send=Reject("no address"))
        await shop.run(LAMP)
        assert shop.called("payments.charge")[0].value == 1
        assert shop.undone("payments.charge")[0].value == 2


def test_a_turn_without_answers_is_refused() -> None:
    with pytest.raises(UsageError, match="has no answers"):
        InTurn()


async def test_an_input_that_does_not_fit_is_refused() -> None:
    async with shop_with() as shop:
        with pytest.raises(InputRefused, match="the input of order does not fit"):
            await shop.run({"sku": 3})
