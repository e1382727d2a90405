"""An order, as the shop's services exchange it."""

from pydantic import BaseModel, ConfigDict, Field


class Address(BaseModel):
    model_config = ConfigDict(frozen=True)

    street: str
    region: str
    town: str


class Order(BaseModel):
    """One article for one customer: with a card to charge and an address to ship to."""

    model_config = ConfigDict(frozen=True)

    number: str
    sku: str
    quantity: int = Field(gt=0)
    cents: int = Field(gt=0)
    card: str
    address: Address
