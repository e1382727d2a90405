"""A service whose step takes some time, so that a killed process holds claims."""

from __future__ import annotations

import asyncio

from bench.shop.order import Order, Receipt
from saga import Definition, Participant

STEP_SECONDS = 0.1

payments = Participant("payments")


@payments.step(external=True)
async def charge(order: Order) -> Receipt:
    await asyncio.sleep(STEP_SECONDS)
    return Receipt(order=order.number)


order = Definition("slow_order", input=Order)
order.step("payments.charge", read_only=True)
