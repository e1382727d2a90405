"""A saga to which something happens again and again for most of a minute: steps of a service, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.shop.order import Order, Receipt
from saga import Definition, Participant

STEPS = 60
STEP_SECONDS = 0.7

stages = Participant("stages")


@stages.step(external=True)
async def work(order: Order) -> Receipt:
    await asyncio.sleep(STEP_SECONDS)
    return Receipt(order=order.number)


@work.compensation
async def take_back(order: Order, receipt: Receipt) -> None:
    """Nothing is left to undo."""


def busy() -> tuple[Definition, Sequence[Participant]]:
    """The definition, and its participant."""
    definition = Definition("busy", input=Order, deadline="1h")
    last = None
    for number in range(STEPS):
        last = definition.step("stages.work", name=f"stage_{number}", after=last)
    return definition, [stages]
