"""The order example as a user tests it: its own definition and participants in the harness, with what needs a server scripted."""

from __future__ import annotations

import pytest

from examples.order.definition import order
from examples.order.order import Address, Order
from examples.order.services.inventory import inventory
from examples.order.services.notifications import notifications
from examples.order.services.payments import payments
from examples.order.services.shipping import shipping
from saga import Reject
from saga.testing import Crash, Harness, InTurn, Never, Script, harness, scripted

MUG = Order(
    number="o-1",
    sku="mug",
    quantity=2,
    cents=1_000,
    card="tok_test_1",
    address=Address(street="1 Mill Lane", region="AL", town="Alderwick"),
)
ANSWERS = {"reserve": Script(2, undo=None), "charge": Script("ch_1", undo=None), "ship": "PX1", "confirm": None}


def shop_where(**answers: object) -> Harness[Order]:
    """The contracts are those of the real participants; the answers are these, or those of a good day."""
    services = [
        scripted(service, **{name: answers.get(name, ANSWERS[name]) for name in service.handlers})
        for service in (inventory, payments, shipping, notifications)
    ]
    return harness(order, *services)


async def test_an_order_is_shipped() -> None:
    async with shop_where() as shop:
        ended = await shop.run(MUG)
        assert shop.calls.names == ["inventory.reserve", "payments.charge", "shipping.ship", "notifications.confirm"]

    assert (ended.status, ended.value) == ("completed", "PX1")


@pytest.mark.parametrize(
    ("answers", "undone"),
    [
        ({"reserve": Reject("out of stock")}, []),
        ({"charge": Reject("card declined")}, ["undo inventory.reserve"]),
        ({"ship": Reject("address unreachable")}, ["undo payments.charge", "undo inventory.reserve"]),
    ],
    ids=["out of stock", "declined", "unreachable"],
)
async def test_a_rejection_undoes_what_was_done(answers: dict[str, object], undone: list[str]) -> None:
    async with shop_where(**answers) as shop:
        ended = await shop.run(MUG)
        assert shop.undone().names == undone

    assert ended.status == "compensated"


async def test_a_provider_that_is_silent_for_a_second_is_asked_again() -> None:
    async with shop_where(charge=Script(InTurn(Never(), "ch_1"), undo=None)) as shop:
        assert (await shop.run(MUG)).is_completed
        first, second = shop.called("payments.charge")
        assert second.at - first.at > 1.0


async def test_goods_are_reserved_although_the_process_dies() -> None:
    async with shop_where(reserve=Script(InTurn(Crash(), 2), undo=None)) as shop:
        assert (await shop.run(MUG)).is_completed
