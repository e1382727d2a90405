"""Two services whose steps are dear: one uses the processor, the other waits for something else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bench.shop.order import Order, Receipt
from saga import Definition, Participant

COMPUTING_SECONDS = 0.005
WAITING_SECONDS = 0.1

pricing = Participant("pricing")
customs = Participant("customs")

SERVICES = ("pricing", "customs")


@pricing.step(external=True)
async def price(order: Order) -> Receipt:
    ready_at = time.thread_time() + COMPUTING_SECONDS
    while time.thread_time() < ready_at:
        pass
    return Receipt(order=order.number)


@customs.step(external=True)
async def declare(order: Order) -> Receipt:
    await asyncio.sleep(WAITING_SECONDS)
    return Receipt(order=order.number)


export = Definition("export", input=Order, deadline="10m")
_priced = export.step("pricing.price", read_only=True)
export.step("customs.declare", after=_priced, read_only=True)


def served_elsewhere() -> tuple[Definition[Order], Sequence[Participant]]:
    """The saga, for a client beside the services."""
    return export, ()
