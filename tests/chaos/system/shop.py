"""The services that are broken: a transactional, a journaled and an external step. The number of an order determines its end.

A gift needs a confirmation at the end, which refuses every even number: then the earlier steps are undone.
"""

from __future__ import annotations

import asyncio
import os

from saga import Context, Definition, Participant, Reject, Retry
from tests.chaos.system.surprises import hang

STEADY = Retry(attempts=None, first="50ms", cap="1s")
GIFTS = 5
DECLINED = 7
PROVIDER_DB = "PROVIDER"

books = Participant("books", database="$SAGA_STORE")
stock = Participant("stock", database="$STOCK_DB")
money = Participant("money")
desk = Participant("desk", concurrency=8)


def must_complete(number: int) -> bool:
    """Returns how the saga of a number ends, whatever faults happen."""
    return number % DECLINED != 0 and not (number % GIFTS == 0 and number % 2 == 0)


@books.step
async def note(order: int, ctx: Context) -> int:
    await ctx.sql.execute("insert into public.noted values ($1, $2)", ctx.saga_id, order)
    return order


@note.compensation
async def strike(order: int, noted: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into public.noted values ($1, $2)", ctx.saga_id, -noted)


@books.step
async def confirm(order: int, ctx: Context) -> int:
    if not must_complete(order):
        raise Reject("an even gift is not confirmed")
    await ctx.sql.execute("insert into public.confirmed values ($1, $2)", ctx.saga_id, order)
    return order


@stock.step
async def reserve(order: int, ctx: Context) -> int:
    await ctx.sql.execute("insert into reserved values ($1, $2)", ctx.saga_id, order)
    return order


@reserve.compensation
async def release(order: int, reserved: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into reserved values ($1, $2)", ctx.saga_id, -reserved)


@money.step(external=True)
async def charge(order: int, ctx: Context) -> int:
    if not await _ask_provider(ctx, order):
        raise Reject("declined")
    return order


@charge.compensation
async def refund(order: int, charged: int, ctx: Context) -> None:
    await _ask_provider(ctx, -charged)


@desk.step(external=True, read_only=True)
def wrap(order: int) -> int:
    hang()
    return order


_idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []  # unused connections of this process


async def _ask_provider(ctx: Context, amount: int) -> bool:
    host, _, port = os.environ[PROVIDER_DB].partition(":")
    reader, writer = _idle.pop() if _idle else await asyncio.open_connection(host, int(port))
    answer = b""
    try:
        writer.write(f"{ctx.idempotency_key} {ctx.saga_id} {amount}\n".encode())
        answer = await reader.readline()
    finally:
        if answer:
            _idle.append((reader, writer))
        else:  # broken, or abandoned while an answer was on its way
            writer.transport.abort()
    if not answer:
        raise ConnectionError("the provider broke off")
    return answer == b"done\n"


order = Definition("order", input=int)
_noted = order.step("books.note", retry=STEADY)
_reserved = order.step("stock.reserve", retry=STEADY)
order.returns(order.step("money.charge", after=[_noted, _reserved], retry=STEADY, timeout="2s").output)

gift = Definition("gift", input=int)
_g_noted = gift.step("books.note", retry=STEADY)
_g_reserved = gift.step("stock.reserve")  # the default retries outlast a restart of the service's database
_g_charged = gift.step("money.charge", after=[_g_noted, _g_reserved], retry=STEADY, timeout="2s")
_g_wrapped = gift.step("desk.wrap", after=_g_noted, retry=STEADY, timeout="1s")
gift.returns(gift.step("books.confirm", after=[_g_charged, _g_wrapped], retry=STEADY).output)
