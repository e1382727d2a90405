"""The inventory service: its tables and its journal are in its own database, so each step is one transaction there."""

from examples.order.order import Order
from saga import Context, Participant, Reject

inventory = Participant("inventory", database="$INVENTORY_DB")

TAKE = """
update stock set free = free - $2 where sku = $1 and free >= $2 returning free
"""
PUT_BACK = """
update stock set free = free + $2 where sku = $1
"""
MOVE = """
insert into movement (order_number, sku, quantity) values ($1, $2, $3)
"""


@inventory.step
async def reserve(order: Order, ctx: Context) -> int:
    """Takes the order's units out of the free stock."""
    free = await ctx.sql.fetchval(TAKE, order.sku, order.quantity)
    if free is None:
        raise Reject("out of stock")
    await ctx.sql.execute(MOVE, order.number, order.sku, order.quantity)
    return order.quantity


@reserve.compensation
async def release(order: Order, reserved: int, ctx: Context) -> None:
    """Puts the reserved units back."""
    await ctx.sql.execute(PUT_BACK, order.sku, reserved)
    await ctx.sql.execute(MOVE, order.number, order.sku, -reserved)
