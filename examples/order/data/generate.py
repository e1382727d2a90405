"""Writes the example's data: `python -m examples.order.data.generate`.

The files are committed. This program documents their origin, and a test compares them with it. Everything in them
is made up: a card is a test token, and a parcel goes to a street, not to a person.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from examples.order.data.chance import draw
from examples.order.data.files import ORDERS, STOCK, UNSERVED_REGIONS, Article
from examples.order.order import Address, Order

T = TypeVar("T")

SEED = 2024
ORDER_COUNT = 1_000
UNREACHABLE_SHARE = 0.04
OVERSIZED_SHARE = 0.02
OVERSIZED_QUANTITY = 5_000

SERVED_REGIONS = ("AL", "BR", "CE", "DN", "EW", "FJ", "GL", "HN", "IV", "LM", "NO")
TOWNS = (
    "Alderwick", "Brackenford", "Coldharbour", "Dunmere", "Eastleigh Cross",
    "Farrowdale", "Glenhaven", "Hollowbridge", "Ivybrook", "Kestrel Bay",
    "Larkstone", "Marshgate", "Northwold", "Oakhurst", "Pennyfield",
    "Quarrington", "Ravensmoor", "Saltmarsh", "Thornbury Heath", "Westering",
)  # fmt: skip
STREETS = (
    "Mill Lane", "Station Road", "Harbour Street", "Orchard Close", "Quarry Hill",
    "Chapel Row", "Lighthouse Walk", "Meadow View", "Canal Street", "Beacon Road",
    "Tanner's Yard", "Foundry Street", "Vicarage Gardens", "Old Post Road",
)  # fmt: skip
CARD_KINDS = ("visa", "visa", "visa", "mastercard", "mastercard", "amex")

# Sku, cents, units, name. Three are out of stock from the start, two run out while the orders arrive.
ARTICLES = tuple(
    Article(sku=sku, cents=cents, units=units, name=name)
    for sku, cents, units, name in (
        ("KET-17-STL", 3_995, 400, "Electric kettle 1.7 l, steel"),
        ("KET-10-GLS", 4_450, 55, "Electric kettle 1.0 l, glass"),
        ("TOA-2S-BLK", 2_990, 400, "Toaster, two slots, black"),
        ("TOA-4S-CRM", 5_490, 0, "Toaster, four slots, cream"),
        ("GRN-BURR-40", 8_900, 400, "Burr coffee grinder, 40 mm"),
        ("AER-GO", 3_750, 400, "Travel coffee press"),
        ("FIL-V60-100", 690, 900, "Paper filters, 100 pieces"),
        ("MUG-350-BLU", 1_250, 900, "Stoneware mug 350 ml, blue"),
        ("MUG-350-GRN", 1_250, 900, "Stoneware mug 350 ml, green"),
        ("PAN-24-IRN", 5_900, 400, "Cast iron pan 24 cm"),
        ("PAN-28-IRN", 6_900, 60, "Cast iron pan 28 cm"),
        ("KNF-CHEF-20", 7_450, 400, "Chef's knife 20 cm"),
        ("KNF-PAR-09", 2_195, 400, "Paring knife 9 cm"),
        ("BRD-OAK-M", 3_300, 400, "Cutting board, oak, medium"),
        ("SCL-DIG-5K", 2_499, 400, "Digital kitchen scale 5 kg"),
        ("THM-PROBE", 1_899, 0, "Probe thermometer"),
        ("BOT-750-SGE", 2_795, 400, "Insulated bottle 750 ml, sage"),
        ("BOT-500-SND", 2_395, 400, "Insulated bottle 500 ml, sand"),
        ("LMP-DSK-BRS", 11_900, 400, "Desk lamp, brass"),
        ("TOW-LIN-3", 2_100, 900, "Linen tea towels, set of three"),
        ("TIM-EGG", 950, 400, "Mechanical egg timer"),
        ("WHK-BAL-25", 1_390, 0, "Balloon whisk 25 cm"),
    )
)

# Articles that are out of stock are ordered too, but less often than the others.
_RARE = {article.sku for article in ARTICLES if article.units == 0}
_ORDERED = [article for article in ARTICLES for _ in range(1 if article.sku in _RARE else 3)]


def orders() -> list[Order]:
    """Returns the example's orders, the same ones in every run."""
    return [_order(f"order-{index:04}") for index in range(1, ORDER_COUNT + 1)]


def text(rows: Iterable[BaseModel]) -> str:
    """Returns one JSON document per line."""
    return "".join(f"{row.model_dump_json()}\n" for row in rows)


def _order(number: str) -> Order:
    article = _pick(_ORDERED, number, "article")
    if draw(SEED, number, "oversized") < OVERSIZED_SHARE:
        quantity = OVERSIZED_QUANTITY
    else:
        quantity = _pick((1, 1, 1, 1, 2, 2, 3, 4), number, "quantity")
    return Order(
        number=number,
        sku=article.sku,
        quantity=quantity,
        cents=article.cents * quantity,
        card=_card(number),
        address=_address(number),
    )


def _card(number: str) -> str:
    kind = _pick(CARD_KINDS, number, "card kind")
    return f"tok_test_{kind}_{int(draw(SEED, number, 'card') * 16**8):08x}"


def _address(number: str) -> Address:
    is_unreachable = draw(SEED, number, "unreachable") < UNREACHABLE_SHARE
    regions = UNSERVED_REGIONS if is_unreachable else SERVED_REGIONS
    house = 1 + int(draw(SEED, number, "house") * 180)
    return Address(
        street=f"{house} {_pick(STREETS, number, 'street')}",
        region=_pick(regions, number, "region"),
        town=_pick(TOWNS, number, "town"),
    )


def _pick(choices: Sequence[T], number: str, what: str) -> T:
    return choices[int(draw(SEED, number, what) * len(choices))]


if __name__ == "__main__":
    STOCK.write_text(text(ARTICLES), encoding="utf-8")
    ORDERS.write_text(text(orders()), encoding="utf-8")
