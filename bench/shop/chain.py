"""A saga of many steps, one after the other, in one service."""

from __future__ import annotations

from collections.abc import Sequence

from bench.shop.order import Order, Receipt
from saga import Definition, Participant

stages = Participant("stages")


@stages.step(external=True)
async def pass_on(order: Order) -> Receipt:
    return Receipt(order=order.number)


@pass_on.compensation
async def take_back(order: Order, receipt: Receipt) -> None:
    """Nothing is left to undo."""


def chain(steps: int) -> tuple[Definition, Sequence[Participant]]:
    """The definition of a chain, and its participant."""
    definition = Definition(f"chain_of_{steps}", input=Order, deadline="10m")
    last = None
    for number in range(steps):
        last = definition.step("stages.pass_on", name=f"stage_{number}", after=last)
    return definition, [stages]
