"""The shipping service. A shipment cannot be called back, so this step is the pivot of the saga."""

from examples.order.order import Order
from saga import Context, Participant, Reject

shipping = Participant("shipping", database="$SHIPPING_DB")

IS_UNSERVED = """
select exists (select from unserved_region where region = $1)
"""
DISPATCH = """
insert into shipment (order_number, sku, quantity, street, region, town)
values ($1, $2, $3, $4, $5, $6)
returning tracking
"""


@shipping.step
async def ship(order: Order, ctx: Context) -> str:
    """Hands the parcel to the carrier; returns its tracking number."""
    address = order.address
    if await ctx.sql.fetchval(IS_UNSERVED, address.region):
        raise Reject("address unreachable")
    tracking: str = await ctx.sql.fetchval(
        DISPATCH,
        order.number,
        order.sku,
        order.quantity,
        address.street,
        address.region,
        address.town,
    )
    return tracking
