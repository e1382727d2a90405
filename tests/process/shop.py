"""The services that the process tests run: one step in each mode, and an end that rejects every fifth order.

Everything that is outside the store lives in one database of its own, EFFECTS_DB, which the tests do not stop. `hold` waits for an
advisory lock there: a test that has it exclusively keeps every call under way.
"""

from __future__ import annotations

import os

import asyncpg

from saga import Context, Definition, Participant, Reject, Retry

STEADY = Retry(attempts=1000, first="50ms", cap="500ms")
GATE = 7

books = Participant("books", database="$SAGA_STORE")
stock = Participant("stock", database="$EFFECTS_DB")
money = Participant("money", concurrency=16)
post = Participant("post")
doom = Participant("doom")


@books.step
async def note(order: int, ctx: Context) -> int:
    await ctx.sql.execute("insert into public.noted values ($1, $2)", ctx.saga_id, order)
    return order


@note.compensation
async def strike(order: int, noted: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into public.noted values ($1, $2)", ctx.saga_id, -noted)


@stock.step
async def reserve(order: int, ctx: Context) -> int:
    await ctx.sql.execute("insert into reserved values ($1, $2)", ctx.saga_id, order)
    return order


@reserve.compensation
async def release(order: int, reserved: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into reserved values ($1, $2)", ctx.saga_id, -reserved)


@money.step(external=True)
async def charge(order: int, ctx: Context) -> int:
    await _once(ctx, order)
    return order


@charge.compensation
async def refund(order: int, charged: int, ctx: Context) -> None:
    await _once(ctx, -charged)


@money.step(external=True)
async def confirm(order: int) -> int:
    if order % 5 == 0:
        raise Reject("every fifth order is refused")
    return order


@post.step(external=True)
async def hold(order: int, ctx: Context) -> int:
    connection = await asyncpg.connect(os.environ["EFFECTS_DB"])
    try:
        await connection.execute("select pg_advisory_lock_shared($1)", GATE)
    finally:
        connection.terminate()
    await _once(ctx, order)
    return order


@doom.step(external=True)
async def swallow(order: int) -> None:
    os._exit(order)


async def _once(ctx: Context, amount: int) -> None:
    """The provider's answer to an idempotency key."""
    connection = await asyncpg.connect(os.environ["EFFECTS_DB"])
    try:
        await connection.execute(
            "insert into charged values ($1, $2, $3) on conflict do nothing", ctx.idempotency_key, ctx.saga_id, amount
        )
    finally:
        connection.terminate()


shop = Definition("shop", input=int)
_noted = shop.step("books.note", retry=STEADY)
_reserved = shop.step("stock.reserve", after=_noted, retry=STEADY)
_charged = shop.step("money.charge", after=_reserved, retry=STEADY, timeout="2s")
shop.returns(shop.step("money.confirm", after=_charged, retry=STEADY, timeout="2s").output)

parcel = Definition("parcel", input=int)
parcel.returns(parcel.step("post.hold", timeout="60s", retry=STEADY).output)

hurried = Definition("hurried", input=int, deadline="2s")
hurried.step("money.confirm", after=hurried.step("post.hold", read_only=True, timeout="60s"))

doomed = Definition("doomed", input=int)
doomed.step("doom.swallow", timeout="5s", pivot=True)
