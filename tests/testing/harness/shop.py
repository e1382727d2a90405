"""The saga that these tests run, and a participant of it."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

from saga import Definition, Participant, Reject, Retry


class Order(BaseModel):
    sku: str
    cents: int = 100


LAMP: Final = Order(sku="lamp")
DAY_SECONDS: Final = 86_400.0

inventory = Participant("inventory")


@inventory.step(external=True)
async def reserve(order: Order) -> int:
    if order.sku == "unicorn":
        raise Reject("out of stock")
    return order.cents


@reserve.compensation
async def release(order: Order, reserved: int) -> None:
    assert reserved == order.cents


order = Definition("order", input=Order, deadline="3d")
held = order.step("inventory.reserve")
paid = order.step("payments.charge", after=held, retry=Retry(attempts=3))
mailed = order.step("mail.send", after=paid, pivot=True)
order.returns({"charge": paid.output})
