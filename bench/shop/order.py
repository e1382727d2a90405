"""The input and the output of the benchmark's steps, checked on the way in and out."""

from __future__ import annotations

from pydantic import BaseModel

SERVICES = ("inventory", "payments", "labels", "shipping", "notifications")


class Order(BaseModel):
    """The input of every saga."""

    number: int
    sku: str
    quantity: int
    cents: int


class Receipt(BaseModel):
    """The output of every step."""

    order: int


def order_of(number: int) -> Order:
    return Order(number=number, sku="bench", quantity=1, cents=1999)
