"""A saga that waits: for two payments, for its release and for time, with a reminder, and it can be cancelled."""

from __future__ import annotations

from pydantic import BaseModel

from saga import Context, Definition, Participant
from tests.chaos.system.shop import STEADY
from tests.chaos.waits.letters import EXTRA_SECONDS, PAY_SECONDS, REMIND_SECONDS, REST_SECONDS

rooms = Participant("rooms", database="$SAGA_STORE")


class Payments(BaseModel):
    """The payments for a booking: `extra` is 0 if nothing came in time."""

    paid: int
    extra: int


@rooms.step
async def hold(booking: int, ctx: Context) -> int:
    await ctx.sql.execute("insert into public.held values ($1, $2)", ctx.saga_id, booking)
    return booking


@hold.compensation
async def let_go(booking: int, held: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into public.held values ($1, $2)", ctx.saga_id, -held)


@rooms.step
async def remind(booking: int, ctx: Context) -> None:
    await ctx.sql.execute("insert into public.reminded values ($1, $2)", ctx.saga_id, booking)


@rooms.step
async def enter(payments: Payments, ctx: Context) -> int:
    number = payments.paid // 10
    await _enter(ctx, number, payments)
    return number


@enter.compensation
async def strike(payments: Payments, entered: int, ctx: Context) -> None:
    await _enter(ctx, -entered, payments)


async def _enter(ctx: Context, amount: int, payments: Payments) -> None:
    await ctx.sql.execute(
        "insert into public.entered values ($1, $2, clock_timestamp(), $3, $4)",
        ctx.saga_id, amount, payments.paid, payments.extra,
    )  # fmt: skip


@rooms.step
async def admit(guest: int, ctx: Context) -> int:
    await ctx.sql.execute("insert into public.admitted values ($1, $2)", ctx.saga_id, guest)
    return guest


booking = Definition("booking", input=int)
booking.cancel_on("cancelled", int)
_held = booking.step("rooms.hold", retry=STEADY)
_paid = booking.wait("paid", int, after=_held, timeout=f"{PAY_SECONDS * 1000:.0f}ms")
_extra = booking.wait("paid", int, name="extra", after=_paid, timeout=f"{EXTRA_SECONDS * 1000:.0f}ms", otherwise=0)
_rest = booking.timer(f"{REST_SECONDS * 1000:.0f}ms", name="rest", after=_held)
booking.step(
    "rooms.remind",
    after=_held,
    delay=f"{REMIND_SECONDS * 1000:.0f}ms",
    until=_paid,
    read_only=True,
    retriable=True,
    retry=STEADY,
)
_entered = booking.step(
    "rooms.enter", after=[_extra, _rest], inputs={"paid": _paid.output, "extra": _extra.output}, retry=STEADY
)
_release = booking.wait({"released": int, "waived": int}, name="release", after=_entered)
booking.step("rooms.admit", after=_release, inputs=_release.output["payload"], pivot=True, retry=STEADY)
