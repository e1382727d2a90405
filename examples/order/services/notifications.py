"""The notifications service: its table is in the saga store itself.

The row and the outcome of the step are therefore one transaction. The table is named with its schema, because the
search path of these connections is Saga's.
"""

from examples.order.order import Order
from saga import Context, Participant

notifications = Participant("notifications", database="$SAGA_STORE")

ENQUEUE = """
insert into shop.notification (order_number, message) values ($1, $2)
"""


@notifications.step
async def confirm(order: Order, ctx: Context) -> None:
    """Puts a message into the outgoing mail: the order is on its way."""
    message = f"{order.quantity} x {order.sku} on the way to {order.address.town}"
    await ctx.sql.execute(ENQUEUE, order.number, message)
