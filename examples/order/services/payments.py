"""The payments service: calls the API of a provider, each charge and refund always under the same idempotency key."""

import os
from functools import cache

from examples.order.order import Order
from examples.order.services.psp import Declined, Psp
from saga import Context, Participant, Reject

payments = Participant("payments")


@payments.step(external=True)
async def charge(order: Order, ctx: Context) -> str:
    """Charges the card; returns the provider's id of the charge.

    Only a decline is a rejection. After a timeout or a 5xx the money may or may not have moved: the error propagates,
    and the step is retried with the same key.
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
    """Refunds this charge."""
    await _psp().refund(charge_id, idempotency_key=str(ctx.idempotency_key))


@cache
def _psp() -> Psp:
    return Psp(os.environ["PSP_URL"])
