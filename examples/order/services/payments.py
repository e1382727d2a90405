"""The payments service: somebody else's API, called under one key for ever."""

import os
from functools import cache

from examples.order.order import Order
from examples.order.services.psp import Declined, Psp
from saga import Context, Participant, Reject

payments = Participant("payments")


@payments.step(external=True)
async def charge(order: Order, ctx: Context) -> str:
    """Charge the card; answer with the provider's id of the charge.

    Only a decline is a rejection. A timeout or a 5xx says nothing about the
    money: it is left to propagate, and the step is tried again with the same key.
    """
    try:
        return await _psp().charge(
            reference=order.number,
            card=order.card,
            cents=order.cents,
            idempotency_key=str(ctx.idempotency_key),
        )
    except Declined as declined:
        raise Reject("card declined") from declined


@charge.compensation
async def refund(order: Order, charge_id: str, ctx: Context) -> None:
    """Give the money of this charge back."""
    await _psp().refund(charge_id, idempotency_key=str(ctx.idempotency_key))


@cache
def _psp() -> Psp:
    return Psp(os.environ["PSP_URL"])
