"""The files that ship with the example: the orders, and the initial stock."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from examples.order.order import Order

HERE = Path(__file__).parent
ORDERS = HERE / "orders.jsonl"
STOCK = HERE / "stock.jsonl"

# Two islands and a closed mountain pass: the carrier does not serve them.
UNSERVED_REGIONS = ("OI", "SK", "XP")


class Article(BaseModel):
    """An article of the shop, with the number of units that are in stock at first."""

    model_config = ConfigDict(frozen=True)

    sku: str
    name: str
    cents: int
    units: int


def read_orders() -> list[Order]:
    """Returns the orders in the sequence in which they arrive."""
    lines = ORDERS.read_text(encoding="utf-8").splitlines()
    return [Order.model_validate_json(line) for line in lines]


def read_articles() -> list[Article]:
    """Returns the articles of the shop."""
    lines = STOCK.read_text(encoding="utf-8").splitlines()
    return [Article.model_validate_json(line) for line in lines]
