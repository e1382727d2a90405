"""The stock of the shop, and its steps in sagas: they write to the shop's own tables, in the transactions of the saga."""

from dataclasses import dataclass

from saga import Context, Definition, Participant, Reject

inventory = Participant("inventory", database="$SAGA_STORE")


@dataclass
class Order:
    number: int
    sku: str
    quantity: int


@inventory.step
async def reserve(order: Order, ctx: Context) -> int:
    """Takes the units out of the free stock; returns the number that is left."""
    query = "update public.stock set free = free - $2 where sku = $1 and free >= $2 returning free"
    left = await ctx.sql.fetchval(query, order.sku, order.quantity)
    if left is None:
        raise Reject(f"there are fewer than {order.quantity} of {order.sku}")
    return int(left)


@reserve.compensation
async def release(order: Order, left: int, ctx: Context) -> None:
    await ctx.sql.execute("update public.stock set free = free + $2 where sku = $1", order.sku, order.quantity)


@inventory.step
async def confirm(order: Order, ctx: Context) -> None:
    await ctx.sql.execute("update public.orders set state = 'confirmed' where number = $1", order.number)


fulfil = Definition("fulfil", input=Order)
_reserved = fulfil.step("inventory.reserve")
fulfil.step("inventory.confirm", after=_reserved)
fulfil.returns({"left": _reserved.output})
