"""Five services with one external step each, and the two sagas over them: one that completes, one that is rolled back."""

from __future__ import annotations

from collections.abc import Sequence

from bench.shop.order import Order, Receipt
from saga import Definition, Participant, Reject

inventory = Participant("inventory")
payments = Participant("payments")
labels = Participant("labels")
shipping = Participant("shipping")
notifications = Participant("notifications")

PARTICIPANTS = (inventory, payments, labels, shipping, notifications)


@inventory.step(external=True)
async def reserve(order: Order) -> Receipt:
    return Receipt(order=order.number)


@reserve.compensation
async def release(order: Order, receipt: Receipt) -> None: ...


@payments.step(external=True)
async def charge(order: Order) -> Receipt:
    return Receipt(order=order.number)


@charge.compensation
async def refund(order: Order, receipt: Receipt) -> None: ...


@labels.step(external=True)
async def label(order: Order) -> Receipt:
    return Receipt(order=order.number)


@label.compensation
async def void(order: Order, receipt: Receipt) -> None: ...


@shipping.step(external=True)
async def ship(order: Order) -> Receipt:
    return Receipt(order=order.number)


@ship.compensation
async def recall(order: Order, receipt: Receipt) -> None: ...


@shipping.step(external=True)
async def refuse(order: Order) -> Receipt:
    raise Reject("no such address")


@notifications.step(external=True)
async def notify(order: Order) -> Receipt:
    return Receipt(order=order.number)


completing = Definition("order", input=Order, deadline="10m")
_held = completing.step("inventory.reserve")
_paid = completing.step("payments.charge", after=_held)
_labelled = completing.step("labels.label", after=_paid)
_sent = completing.step("shipping.ship", after=_labelled)
completing.step("notifications.notify", after=_sent, read_only=True)

rejected = Definition("refused_order", input=Order, deadline="10m")
_held = rejected.step("inventory.reserve")
_paid = rejected.step("payments.charge", after=_held)
_labelled = rejected.step("labels.label", after=_paid)
rejected.step("shipping.refuse", after=_labelled, read_only=True)


def served_elsewhere() -> tuple[Definition[Order], Sequence[Participant]]:
    """The saga that completes, for a client beside the services."""
    return completing, ()
