"""Compares what each customer was told with money, stock and parcels.

A pure function over what the services themselves recorded. It does not read Saga's own tables: an audit
that believes what it audits finds nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from examples.order.data.files import Article
from examples.order.order import Order
from examples.order.provider.ledger import Entry

OUT_OF_STOCK = "out of stock"
DECLINED = "card declined"
UNREACHABLE = "address unreachable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer that the customer got: a tracking number, or the reason why the order was rolled back."""

    tracking: str | None = None
    reason: str | None = None

    @property
    def is_completed(self) -> bool:
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Movement:
    order: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Shipment:
    order: str
    sku: str
    quantity: int
    tracking: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The records in the provider's file and in the services' own tables."""

    entries: Sequence[Entry]
    movements: Sequence[Movement]
    free: dict[str, int]
    shipments: Sequence[Shipment]
    notified: Sequence[str]


@dataclass(frozen=True, slots=True)
class Violation:
    """One fact that does not fit, and its subject: an order, an article, or all of them."""

    subject: str
    fact: str


@dataclass(slots=True)
class _Traces:
    """All records of one order, in every service."""

    charges: list[Entry] = field(default_factory=list)
    declines: list[Entry] = field(default_factory=list)
    refunds: list[Entry] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    notifications: int = 0


def audit(
    orders: Sequence[Order], articles: Sequence[Article], outcomes: dict[str, Outcome], evidence: Evidence
) -> list[Violation]:
    """Returns every fact that disagrees with the outcomes; an empty list means that all is well."""
    traces = _traces(evidence)
    violations = [
        Violation(order.number, fact)
        for order in orders
        for fact in _order_facts(order, outcomes.get(order.number), traces[order.number])
    ]
    known = {order.number for order in orders}
    violations += [Violation(number, "has records, but was never ordered") for number in traces.keys() - known]
    violations += [Violation(number, "has an outcome, but was never ordered") for number in outcomes.keys() - known]
    violations += _stock_violations(articles, evidence)
    violations += [Violation("money", fact) for fact in _money_facts(orders, outcomes, evidence.entries)]
    violations += [Violation("parcels", fact) for fact in _parcel_facts(outcomes, evidence)]
    return violations


def _traces(evidence: Evidence) -> defaultdict[str, _Traces]:
    traces: defaultdict[str, _Traces] = defaultdict(_Traces)
    for entry in evidence.entries:
        of_order = traces[entry.reference]
        if entry.kind == "refund":
            of_order.refunds.append(entry)
        elif entry.is_declined:
            of_order.declines.append(entry)
        else:
            of_order.charges.append(entry)
    for movement in evidence.movements:
        traces[movement.order].movements.append(movement)
    for shipment in evidence.shipments:
        traces[shipment.order].shipments.append(shipment)
    for number in evidence.notified:
        traces[number].notifications += 1
    return traces


def _order_facts(order: Order, outcome: Outcome | None, traces: _Traces) -> Iterator[str]:
    if outcome is None:
        yield "has no outcome"
    elif outcome.is_completed:
        yield from _completed_facts(order, outcome, traces)
    else:
        yield from _rolled_back_facts(order, outcome, traces)


def _completed_facts(order: Order, outcome: Outcome, traces: _Traces) -> Iterator[str]:
    paid = [(entry.card, entry.cents) for entry in traces.charges]
    yield from _differs("charges", paid, [(order.card, order.cents)])
    yield from _differs("declines", [entry.id for entry in traces.declines], [])
    yield from _differs("refunds", [entry.charge for entry in traces.refunds], [])
    moved = [(movement.sku, movement.quantity) for movement in traces.movements]
    yield from _differs("stock movements", moved, [(order.sku, order.quantity)])
    shipped = [(shipment.sku, shipment.quantity, shipment.tracking) for shipment in traces.shipments]
    yield from _differs("shipments", shipped, [(order.sku, order.quantity, outcome.tracking)])
    yield from _differs("notifications", traces.notifications, 1)


def _rolled_back_facts(order: Order, outcome: Outcome, traces: _Traces) -> Iterator[str]:
    charged = [entry.id for entry in traces.charges]
    yield from _differs("refunded charges", sorted(entry.charge for entry in traces.refunds), sorted(charged))
    if len(charged) > 1:
        yield f"{len(charged)} charges, expected at most one"
    moved = [(movement.sku, movement.quantity) for movement in traces.movements]
    if moved and moved != [(order.sku, order.quantity), (order.sku, -order.quantity)]:
        yield f"stock movements are {moved}, expected none, or one and its reverse"
    yield from _differs("shipments", [shipment.tracking for shipment in traces.shipments], [])
    yield from _differs("notifications", traces.notifications, 0)
    yield from _reason_facts(outcome.reason or "", traces)


def _reason_facts(reason: str, traces: _Traces) -> Iterator[str]:
    """Compares the reason that the customer was given with the progress of the order."""
    was_reserved, was_charged, was_declined = bool(traces.movements), bool(traces.charges), bool(traces.declines)
    if OUT_OF_STOCK in reason and (was_reserved or was_charged or was_declined):
        yield f"'{reason}', but stock moved or the card was charged"
    if DECLINED in reason and (was_charged or not was_declined):
        yield f"'{reason}', but the provider did not decline"
    if UNREACHABLE in reason and not (was_reserved and was_charged):
        yield f"'{reason}', but it never reached shipping"
    if was_declined and DECLINED not in reason:
        yield f"'{reason}', but the provider declined"


def _differs(what: str, found: object, expected: object) -> Iterator[str]:
    if found != expected:
        yield f"{what}: {found}, expected {expected}"


def _stock_violations(articles: Iterable[Article], evidence: Evidence) -> Iterator[Violation]:
    """Units do not vanish: free and shipped units add up to the initial stock."""
    taken: Counter[str] = Counter()
    shipped: Counter[str] = Counter()
    for movement in evidence.movements:
        taken[movement.sku] += movement.quantity
    for shipment in evidence.shipments:
        shipped[shipment.sku] += shipment.quantity
    for article in articles:
        sku, free = article.sku, evidence.free.get(article.sku)
        if free is None:
            yield Violation(sku, "is no longer in the stock table")
        elif free + shipped[sku] != article.units:
            yield Violation(sku, f"{free} free + {shipped[sku]} shipped, but there were {article.units}")
        elif free + taken[sku] != article.units:
            yield Violation(sku, f"{free} free + {taken[sku]} moved, but there were {article.units}")


def _money_facts(orders: Sequence[Order], outcomes: dict[str, Outcome], entries: Sequence[Entry]) -> Iterator[str]:
    executed = Counter(entry.key for entry in entries)
    for key, times in executed.items():
        if times > 1:
            yield f"the provider executed key {key} {times} times"
    completed = _completed(outcomes)
    owed = sum(order.cents for order in orders if order.number in completed)
    kept = sum(-entry.cents if entry.kind == "refund" else entry.cents for entry in entries if not entry.is_declined)
    yield from _differs("cents kept", kept, owed)
    refunds = Counter(entry.charge for entry in entries if entry.kind == "refund")
    charges = [entry for entry in entries if entry.kind == "charge" and not entry.is_declined]
    unrefunded = [entry.id for entry in charges if not refunds[entry.id]]
    yield from _differs("charges without a refund", len(unrefunded), len(completed))


def _parcel_facts(outcomes: dict[str, Outcome], evidence: Evidence) -> Iterator[str]:
    completed = len(_completed(outcomes))
    yield from _differs("shipments", len(evidence.shipments), completed)
    yield from _differs("notifications", len(evidence.notified), completed)


def _completed(outcomes: dict[str, Outcome]) -> set[str]:
    return {number for number, outcome in outcomes.items() if outcome.is_completed}
