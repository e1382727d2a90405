"""A service whose steps fail at their first attempt and then wait long for the second, until the measurement makes it due."""

from __future__ import annotations

import time

from bench.shop.order import Order, Receipt
from saga import Context, Definition, Participant, Retry

WAIT = "1h"
_LATER = Retry(attempts=5, first=WAIT, cap=WAIT, jitter=0.0)

inventory = Participant("inventory")
second_attempts: list[float] = []
"""The time at which each second attempt began, on this process's monotonic clock."""


class Unavailable(Exception):
    """The error of a step whose service is down."""


@inventory.step(external=True)
async def reserve(order: Order) -> Receipt:
    return Receipt(order=order.number)


@reserve.compensation
async def release(order: Order, receipt: Receipt) -> None: ...


@inventory.step(external=True)
async def count(order: Order, ctx: Context) -> Receipt:
    if ctx.attempt == 1:
        raise Unavailable("connection refused")
    second_attempts.append(time.monotonic())
    return Receipt(order=order.number)


@count.compensation
async def uncount(order: Order, receipt: Receipt) -> None: ...


def one_step() -> Definition:
    """A saga with only the failing step."""
    order = Definition("counted_order", input=Order)
    order.step("inventory.count", retry=_LATER)
    return order


def five_steps(failing: int) -> Definition:
    """A saga of five steps; the step at this position (from 0) fails."""
    order = Definition(f"order_failing_at_{failing}", input=Order)
    last = None
    for position in range(5):
        handler = "count" if position == failing else "reserve"
        last = order.step(f"inventory.{handler}", name=f"step_{position}", after=last, retry=_LATER)
    return order


def five_steps_and_a_wait() -> Definition:
    """A saga of five steps, before which it waits for an event."""
    order = Definition("reviewed_order", input=Order)
    last = order.wait("reviewed")
    for position in range(5):
        last = order.step("inventory.reserve", name=f"step_{position}", after=last)
    return order
