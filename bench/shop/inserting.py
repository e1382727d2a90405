"""Five services whose steps make one insert each, on the connection of their transaction."""

from __future__ import annotations

from collections.abc import Sequence

from bench.shop.order import SERVICES, Order, Receipt
from saga import Context, Definition, Participant

EFFECT = "create table effect (id bigint generated always as identity primary key, step text not null)"
_INSERT = "insert into effect (step) values ($1)"


def participants(databases: Sequence[str]) -> list[Participant]:
    """Makes one participant for each service, in the database at its place: in the store its steps are transactional, else journaled."""
    return [_participant(service, database) for service, database in zip(SERVICES, databases, strict=True)]


def definition() -> Definition:
    order = Definition("inserting_order", input=Order, deadline="10m")
    last = None
    for service in SERVICES:
        last = order.step(f"{service}.insert", name=service, after=last)
    return order


def _participant(service: str, database: str) -> Participant:
    participant = Participant(service, database=database)

    @participant.step
    async def insert(order: Order, ctx: Context) -> Receipt:
        await ctx.sql.execute(_INSERT, service)
        return Receipt(order=order.number)

    @insert.compensation
    async def undo(order: Order, receipt: Receipt, ctx: Context) -> None: ...

    return participant
