"""A service whose step comes after a queued command: one that is tried again, a timer, or a wait for an event."""

from __future__ import annotations

import time
from typing import Literal

from bench.shop.order import Order, Receipt
from saga import Context, Definition, Participant, Retry

LATER = "1h"
EVENT = "approved"
Kind = Literal["retry", "timer", "wait"]

desk = Participant("desk")
passed: list[float] = []
"""The time at which each saga came to the step after its queued command, on this process's monotonic clock."""


class Closed(Exception):
    """The error of a first attempt."""


@desk.step(external=True)
async def ask(order: Order, ctx: Context) -> Receipt:
    if ctx.attempt == 1:
        raise Closed("come back later")
    return Receipt(order=order.number)


@desk.step(external=True)
async def ship(order: Order) -> Receipt:
    passed.append(time.monotonic())
    return Receipt(order=order.number)


def shipping(kind: Kind) -> Definition:
    """A saga that ships after a queued command of this kind."""
    order = Definition(f"shipped_after_a_{kind}", input=Order)
    retry = Retry(attempts=5, first=LATER, cap=LATER, jitter=0.0)
    match kind:
        case "retry":
            before = order.step("desk.ask", read_only=True, retry=retry)
        case "timer":
            before = order.timer(LATER)
        case _:
            before = order.wait(EVENT)
    order.step("desk.ship", after=before, read_only=True)
    return order
