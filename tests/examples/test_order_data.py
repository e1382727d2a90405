"""The data that ships with the order example."""

from examples.order.data import generate
from examples.order.data.files import ORDERS, STOCK, UNSERVED_REGIONS, Article, read_articles, read_orders
from examples.order.order import Order


def articles_by_sku() -> dict[str, Article]:
    return {article.sku: article for article in read_articles()}


def can_reserve(order: Order) -> bool:
    return order.quantity <= articles_by_sku()[order.sku].units


def test_the_committed_files_are_what_the_script_writes() -> None:
    assert ORDERS.read_text(encoding="utf-8") == generate.text(generate.orders())
    assert STOCK.read_text(encoding="utf-8") == generate.text(generate.ARTICLES)


def test_there_are_a_thousand_orders_each_with_a_number_of_its_own() -> None:
    assert len({order.number for order in read_orders()}) == 1_000


def test_every_order_costs_what_its_articles_cost() -> None:
    articles = articles_by_sku()
    assert all(order.cents == articles[order.sku].cents * order.quantity for order in read_orders())


def test_some_orders_ask_for_an_article_that_has_run_out() -> None:
    gone = {article.sku for article in read_articles() if article.units == 0}
    assert 50 <= sum(order.sku in gone for order in read_orders()) <= 120


def test_some_orders_ask_for_more_than_there_ever_was() -> None:
    articles = articles_by_sku()
    assert 10 <= sum(order.quantity > articles[order.sku].units > 0 for order in read_orders()) <= 40


def test_two_articles_run_out_while_the_orders_come_in() -> None:
    wanted: dict[str, int] = {}
    for order in filter(can_reserve, read_orders()):
        wanted[order.sku] = wanted.get(order.sku, 0) + order.quantity
    scarce = [sku for sku, article in articles_by_sku().items() if 0 < article.units < wanted.get(sku, 0)]
    assert len(scarce) == 2


def test_some_addresses_cannot_be_reached() -> None:
    assert 20 <= sum(order.address.region in UNSERVED_REGIONS for order in read_orders()) <= 60


def test_most_orders_can_be_carried_out() -> None:
    possible = [order for order in read_orders() if can_reserve(order) and order.address.region not in UNSERVED_REGIONS]
    assert len(possible) >= 800


def test_every_card_is_a_test_token() -> None:
    assert all(order.card.startswith("tok_test_") for order in read_orders())
