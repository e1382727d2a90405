"""The audit finds every way in which an outcome can disagree with money, stock and parcels."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from examples.order.audit.check import Evidence, Movement, Outcome, Shipment, Violation, audit
from examples.order.data.files import Article
from examples.order.order import Address, Order
from examples.order.provider.ledger import Entry

ADDRESS = Address(street="1 Mill Lane", region="AL", town="Alderwick")
ARTICLES = [Article(sku="mug", name="Mug", cents=500, units=10)]


def an_order(number: str) -> Order:
    return Order(number=number, sku="mug", quantity=2, cents=1_000, card=f"tok_{number}", address=ADDRESS)


# One order of each kind: shipped, declined, unreachable, out of stock.
ORDERS = [an_order(number) for number in ("shipped", "declined", "unreachable", "sold_out")]
OUTCOMES = {
    "shipped": Outcome(tracking="PX1"),
    "declined": Outcome(reason="card declined"),
    "unreachable": Outcome(reason="address unreachable"),
    "sold_out": Outcome(reason="out of stock"),
}


def charge(number: str, key: str, *, is_declined: bool = False) -> Entry:
    return Entry(
        kind="charge",
        id=f"ch_{key}",
        key=key,
        reference=number,
        charge=f"ch_{key}",
        card=f"tok_{number}",
        cents=1_000,
        is_declined=is_declined,
    )


def refund(number: str, key: str, charge_id: str) -> Entry:
    return charge(number, key).model_copy(update={"kind": "refund", "id": f"re_{key}", "charge": charge_id})


SOUND = Evidence(
    entries=[
        charge("shipped", "k1"),
        charge("declined", "k2", is_declined=True),
        charge("unreachable", "k3"),
        refund("unreachable", "k4", "ch_k3"),
    ],
    movements=[
        Movement("shipped", "mug", 2),
        Movement("declined", "mug", 2),
        Movement("unreachable", "mug", 2),
        Movement("declined", "mug", -2),
        Movement("unreachable", "mug", -2),
    ],
    free={"mug": 8},
    shipments=[Shipment("shipped", "mug", 2, "PX1")],
    notified=["shipped"],
)


def subjects(violations: list[Violation]) -> set[str]:
    return {violation.subject for violation in violations}


def test_sound_evidence_has_no_violation() -> None:
    assert audit(ORDERS, ARTICLES, OUTCOMES, SOUND) == []


Change = Callable[[Evidence], Evidence]

CHANGES: dict[str, tuple[Change, set[str]]] = {
    "a completed order was never charged": (
        lambda sound: replace(sound, entries=sound.entries[1:]),
        {"shipped", "money"},
    ),
    "a completed order was charged twice": (
        lambda sound: replace(sound, entries=[*sound.entries, charge("shipped", "k9")]),
        {"shipped", "money"},
    ),
    "a completed order was charged another amount": (
        lambda sound: replace(sound, entries=[sound.entries[0].model_copy(update={"cents": 999}), *sound.entries[1:]]),
        {"shipped", "money"},
    ),
    "a completed order was charged to another card": (
        lambda sound: replace(sound, entries=[sound.entries[0].model_copy(update={"card": "x"}), *sound.entries[1:]]),
        {"shipped"},
    ),
    "a completed order was refunded": (
        lambda sound: replace(sound, entries=[*sound.entries, refund("shipped", "k9", "ch_k1")]),
        {"shipped", "money"},
    ),
    "a rolled back order was not refunded": (
        lambda sound: replace(sound, entries=sound.entries[:3]),
        {"unreachable", "money"},
    ),
    "a rolled back order was refunded twice": (
        lambda sound: replace(sound, entries=[*sound.entries, refund("unreachable", "k9", "ch_k3")]),
        {"unreachable", "money"},
    ),
    "the charge of a declined card was executed": (
        lambda sound: replace(sound, entries=[*sound.entries, charge("declined", "k9")]),
        {"declined", "money"},
    ),
    "the provider executed one key twice": (
        lambda sound: replace(sound, entries=[*sound.entries, sound.entries[1]]),
        {"money"},
    ),
    "a shipment has vanished": (
        lambda sound: replace(sound, shipments=[]),
        {"shipped", "mug", "parcels"},
    ),
    "a second parcel went out": (
        lambda sound: replace(sound, shipments=[*sound.shipments, Shipment("shipped", "mug", 2, "PX2")]),
        {"shipped", "mug", "parcels"},
    ),
    "a rolled back order was shipped": (
        lambda sound: replace(sound, shipments=[*sound.shipments, Shipment("declined", "mug", 2, "PX2")]),
        {"declined", "mug", "parcels"},
    ),
    "another tracking number was told": (
        lambda sound: replace(sound, shipments=[Shipment("shipped", "mug", 2, "PX2")]),
        {"shipped"},
    ),
    "a rolled back order kept its units": (
        lambda sound: replace(sound, movements=sound.movements[:-1], free={"mug": 6}),
        {"unreachable", "mug"},
    ),
    "units were put back twice": (
        lambda sound: replace(sound, movements=[*sound.movements, Movement("declined", "mug", -2)], free={"mug": 10}),
        {"declined", "mug"},
    ),
    "units were taken twice": (
        lambda sound: replace(sound, movements=[*sound.movements, Movement("shipped", "mug", 2)], free={"mug": 6}),
        {"shipped", "mug"},
    ),
    "units were put back before they were taken": (
        lambda sound: replace(
            sound,
            movements=[
                sound.movements[0],
                sound.movements[3],
                sound.movements[1],
                *sound.movements[2:3],
                sound.movements[4],
            ],
        ),
        {"declined"},
    ),
    "an order that was out of stock took units": (
        lambda sound: replace(
            sound, movements=[*sound.movements, Movement("sold_out", "mug", 2), Movement("sold_out", "mug", -2)]
        ),
        {"sold_out"},
    ),
    "units left the stock without a movement": (
        lambda sound: replace(sound, free={"mug": 7}),
        {"mug"},
    ),
    "an article is gone from the stock": (
        lambda sound: replace(sound, free={}),
        {"mug"},
    ),
    "a customer was told twice": (
        lambda sound: replace(sound, notified=["shipped", "shipped"]),
        {"shipped", "parcels"},
    ),
    "a customer was told of an order that was rolled back": (
        lambda sound: replace(sound, notified=["shipped", "declined"]),
        {"declined", "parcels"},
    ),
    "an order that nobody placed was charged": (
        lambda sound: replace(sound, entries=[*sound.entries, charge("ghost", "k9")]),
        {"ghost", "money"},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_audit_finds_that(what: str) -> None:
    change, expected = CHANGES[what]
    assert subjects(audit(ORDERS, ARTICLES, OUTCOMES, change(SOUND))) == expected


TOLD: dict[str, tuple[str, Outcome]] = {
    "shipped, though it was declined": ("declined", Outcome(tracking="PX9")),
    "rolled back, though it was shipped": ("shipped", Outcome(reason="past its deadline")),
    "declined, though the card was charged": ("unreachable", Outcome(reason="card declined")),
    "out of stock, though units were taken": ("declined", Outcome(reason="out of stock")),
    "unreachable, though shipping was never asked": ("sold_out", Outcome(reason="address unreachable")),
    "past its deadline, though the card was declined": ("declined", Outcome(reason="past its deadline")),
}


@pytest.mark.parametrize("what", TOLD)
def test_the_audit_finds_that_the_customer_was_told(what: str) -> None:
    number, outcome = TOLD[what]
    assert number in subjects(audit(ORDERS, ARTICLES, OUTCOMES | {number: outcome}, SOUND))


@pytest.mark.parametrize("number", OUTCOMES)
def test_an_order_without_an_outcome_is_a_violation(number: str) -> None:
    outcomes = {other: outcome for other, outcome in OUTCOMES.items() if other != number}
    assert Violation(number, "has no outcome") in audit(ORDERS, ARTICLES, outcomes, SOUND)


def test_an_outcome_without_an_order_is_a_violation() -> None:
    outcomes = OUTCOMES | {"ghost": Outcome(reason="out of stock")}
    assert subjects(audit(ORDERS, ARTICLES, outcomes, SOUND)) == {"ghost"}


def test_a_rollback_after_a_timeout_may_leave_no_records() -> None:
    outcomes = OUTCOMES | {"sold_out": Outcome(reason="past its deadline")}
    assert audit(ORDERS, ARTICLES, outcomes, SOUND) == []
