"""The files that ship with the example: the orders, and what lies in the warehouse."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from examples.order.order import Order

HERE = Path(__file__).parent
ORDERS = HERE / "orders.jsonl"
STOCK = HERE / "stock.jsonl"

# The carrier does not go there: two islands, and a pass that is closed.
UNSERVED_REGIONS = ("OI", "SK", "XP")


class Article(BaseModel):
    """What the shop sells, and how many units lie in the warehouse at first."""

    model_config = ConfigDict(frozen=True)

    sku: str
    name: str
    cents: int
    units: int


def read_orders() -> list[Order]:
    """Return the orders in the sequence in which they arrive."""
    lines = ORDERS.read_text(encoding="utf-8").splitlines()
    return [Order.model_validate_json(line) for line in lines]


def read_articles() -> list[Article]:
    """Return the articles of the shop."""
    lines = STOCK.read_text(encoding="utf-8").splitlines()
    return [Article.model_validate_json(line) for line in lines]
