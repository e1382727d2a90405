"""The customers as a program: sends all orders to services that run elsewhere, and prints how they ended."""

import asyncio
from collections import Counter

import saga
from examples.order.audit.check import Outcome
from examples.order.data.files import read_orders
from examples.order.definition import order as order_saga
from examples.order.demo.traffic import Arrivals, Tally, send
from examples.order.order import Order


async def main() -> None:
    """Places every order and waits for its outcome. A second run starts nothing twice, because an order's number is its start key."""
    orders = read_orders()
    tally = Tally(total=len(orders))
    async with saga.connect() as sagas:

        async def place(order: Order) -> Outcome:
            handle = await sagas.start(order_saga, order, key=order.number)
            ending = await handle.result()
            return Outcome(ending.value, ending.reason)

        await send(orders, place, Arrivals(), tally)
    print(dict(Counter(outcome.reason or "completed" for outcome in tally.outcomes.values())))


if __name__ == "__main__":
    asyncio.run(main())
