"""The services that are broken: a transactional, a journaled and an external step. The number of an order determines its end.

A gift needs a confirmation at the end, which refuses every even number: then the earlier steps are undone. A parcel takes one
way or another, by conditions, handled rejections, a join and a check.
"""

from __future__ import annotations

import asyncio
import os

from saga import Context, Definition, Participant, Reject, Retry, any_of
from tests.chaos.system.surprises import hang

STEADY = Retry(attempts=None, first="50ms", cap="1s")
GIFTS = 5
PARCEL = 3  # the remainder of its number
DECLINED = 7
SOLD_OUT = 3
PAID_BEFORE = 4
UNSENDABLE = 11
PROVIDER_DB = "PROVIDER"

books = Participant("books", database="$SAGA_STORE")
stock = Participant("stock", database="$STOCK_DB")
money = Participant("money")
desk = Participant("desk", concurrency=8)


def must_complete(number: int) -> bool:
    """Returns how the saga of a number ends, whatever faults happen."""
    if is_parcel(number):
        is_declined = number % DECLINED == 0 and number % PAID_BEFORE != 0
        return not is_declined and number % UNSENDABLE != 0
    return number % DECLINED != 0 and not (number % GIFTS == 0 and number % 2 == 0)


def is_parcel(number: int) -> bool:
    return number % GIFTS == PARCEL


def effects_of(number: int) -> frozenset[str]:
    """Returns the tables in which the saga of a number has an effect, which is undone unless it must complete."""
    found = {"noted"} if number % DECLINED == 0 else {"noted", "charged"}
    if not is_parcel(number):
        found |= {"reserved", "confirmed"} if number % GIFTS == 0 and must_complete(number) else {"reserved"}
        return frozenset(found)
    if number % PAID_BEFORE == 0:
        found.discard("charged")
    found |= {"chosen", "backordered" if number % SOLD_OUT == 0 else "reserved"}
    return frozenset(found | {"confirmed"} if must_complete(number) else found)


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


@books.step
async def choose(order: int, ctx: Context) -> int:
    await ctx.sql.execute("insert into public.chosen values ($1, $2)", ctx.saga_id, order)
    return order


@choose.compensation
async def leave(order: int, chosen: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into public.chosen values ($1, $2)", ctx.saga_id, -chosen)


@books.step
async def backorder(order: int, ctx: Context) -> int:
    await ctx.sql.execute("insert into public.backordered values ($1, $2)", ctx.saga_id, order)
    return order


@backorder.compensation
async def forgo(order: int, ordered: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into public.backordered values ($1, $2)", ctx.saga_id, -ordered)


@stock.step
async def reserve(order: int, ctx: Context) -> int:
    if is_parcel(order) and order % SOLD_OUT == 0:
        raise Reject("sold out")
    await ctx.sql.execute("insert into reserved values ($1, $2)", ctx.saga_id, order)
    return order


@reserve.compensation
async def release(order: int, reserved: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into reserved values ($1, $2)", ctx.saga_id, -reserved)


@money.step(external=True)
async def charge(order: int, ctx: Context) -> int:
    if not await ask_provider(ctx, order):
        raise Reject("declined")
    return order


@charge.compensation
async def refund(order: int, charged: int, ctx: Context) -> None:
    await ask_provider(ctx, -charged)


@desk.step(external=True, read_only=True)
def wrap(order: int) -> int:
    hang()
    return order


@desk.step(external=True, read_only=True)
def by_air(order: int) -> str:
    if order % 2:
        raise Reject("no plane")
    return "by air"


@desk.step(external=True, read_only=True)
def by_road(order: int) -> str:
    if order % 2 == 0:
        raise Reject("no van")
    return "by road"


_idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []  # unused connections of this process


async def ask_provider(ctx: Context, amount: int) -> bool:
    """Returns whether the provider has made the effect; it declines some amounts, for ever. Raises ConnectionError."""
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

parcel = Definition("parcel", input=int)
_p_noted = parcel.step("books.note", retry=STEADY)
_p_reserved = parcel.step("stock.reserve", after=_p_noted, retry=STEADY, handled=True)
with parcel.when(_p_reserved.rejected):
    _p_ordered = parcel.step("books.backorder", after=_p_reserved, retry=STEADY)
_ways = [
    parcel.step(f"desk.{way}", after=_p_noted, retry=STEADY, timeout="1s", handled=True)
    for way in ("by_air", "by_road")
]
_p_chosen = parcel.step("books.choose", after=any_of(*_ways), retry=STEADY)
_p_charged = parcel.step(
    "money.charge", after=[_p_ordered, _p_chosen], when=f"input % {PAID_BEFORE} != 0", retry=STEADY, timeout="2s"
)
_p_sendable = parcel.check(f"input % {UNSENDABLE} != 0", "it cannot be sent", name="sendable", after=_p_charged)
parcel.step("books.confirm", after=_p_sendable, retry=STEADY, pivot=True)
parcel.returns({"way": _ways[0].output.or_(_ways[1].output.or_("none")), "short": _p_reserved.reason.or_("")})
