"""Five services whose results have a size: the number of bytes in SAGA_BENCH_BYTES."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pydantic import BaseModel

from bench.shop.order import SERVICES, Order
from saga import Definition, Participant

SIZE = "SAGA_BENCH_BYTES"
LINE = '{"sku": "SKU-%06d", "name": "a small box", "cents": %d}, '


class Parcel(BaseModel):
    """The output of every step."""

    text: str


def text_of(size: int) -> str:
    """Returns a text of this size, which compresses as JSON does."""
    lines = (LINE % (n * 7919 % 1_000_000, n * 31 % 10_000) for n in range(size // len(LINE) + 1))
    return "".join(lines)[:size]


TEXT = text_of(int(os.environ.get(SIZE, "5")))


def _participant(name: str) -> Participant:
    participant = Participant(name)

    @participant.step(external=True)
    async def pack(order: Order) -> Parcel:
        return Parcel(text=TEXT)

    @pack.compensation
    async def unpack(order: Order, parcel: Parcel) -> None:
        """Nothing is left to undo."""

    return participant


inventory, payments, labels, shipping, notifications = PARTICIPANTS = tuple(map(_participant, SERVICES))


def packing() -> Definition[Order]:
    """Each service packs, one after the other."""
    definition = Definition("packing", input=Order, deadline="10m")
    last = None
    for name in SERVICES:
        last = definition.step(f"{name}.pack", name=name, after=last)
    return definition


def served_here() -> tuple[Definition[Order], Sequence[Participant]]:
    """For a client that is also all of the services."""
    return packing(), PARTICIPANTS


def served_elsewhere() -> tuple[Definition[Order], Sequence[Participant]]:
    """For a client beside them."""
    return packing(), ()
