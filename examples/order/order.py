"""What the shop's services tell each other about an order."""

from pydantic import BaseModel, ConfigDict, Field


class Address(BaseModel):
    model_config = ConfigDict(frozen=True)

    street: str
    region: str
    town: str


class Order(BaseModel):
    """One line of one customer: an article, a card to charge, an address to ship to."""

    model_config = ConfigDict(frozen=True)

    number: str
    sku: str
    quantity: int = Field(gt=0)
    cents: int = Field(gt=0)
    card: str
    address: Address
