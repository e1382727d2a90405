"""The figures and the pace of the demo."""

import json
from pathlib import Path
from uuid import UUID

from examples.order.audit.check import Outcome, Violation
from examples.order.demo.kills import Kill
from examples.order.demo.report import percentile, report
from examples.order.demo.traffic import Arrivals, Tally, send
from examples.order.order import Address, Order
from saga.history import Breach, Rule, Verdict

ADDRESS = Address(street="1 Mill Lane", region="AL", town="Alderwick")


def an_order(number: int) -> Order:
    return Order(number=f"order-{number}", sku="mug", quantity=1, cents=1, card="tok_test", address=ADDRESS)


def a_tally() -> Tally:
    outcomes = {"a": Outcome(tracking="PX1"), "b": Outcome(reason="out of stock")}
    return Tally(total=2, started=2, outcomes=outcomes, seconds={"a": 0.02, "b": 0.01})


def test_orders_arrive_at_their_rate_and_then_all_at_once() -> None:
    arrivals = Arrivals(per_second=60, seconds=10)
    assert [arrivals.due_seconds(index) for index in (0, 60, 599, 600, 999)] == [0, 1, 599 / 60, 10, 10]


async def test_every_order_is_followed_to_its_outcome() -> None:
    async def place(order: Order) -> Outcome:
        return Outcome(tracking=order.number)

    tally = Tally(total=5)
    await send([an_order(index) for index in range(5)], place, Arrivals(per_second=1_000, seconds=0.002), tally)
    assert tally.outcomes == {f"order-{index}": Outcome(tracking=f"order-{index}") for index in range(5)}
    assert len(tally.latencies(in_burst=False)) == 2
    assert len(tally.latencies(in_burst=True)) == 3


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99)) == (50, 99)
    assert percentile([7.0], 99) == 7
    assert percentile([], 50) == 0


def test_a_run_holds_when_the_audit_found_nothing_and_nothing_is_stuck() -> None:
    assert report(a_tally(), 1.0, [], [], Verdict(), None).holds
    assert not report(a_tally(), 1.0, [], [Violation("a", "is wrong")], Verdict(), None).holds
    broken = Verdict(findings_found=1, findings=[Breach(UUID(int=1), 2, Rule.SETTLE, "K", "S", None)])
    assert not report(a_tally(), 1.0, [], [], broken, None).holds
    tally = a_tally()
    tally.total = 3
    assert not report(tally, 1.0, [], [], Verdict(), None).holds


def test_the_file_has_every_figure(tmp_path: Path) -> None:
    kill = Kill("payments", pid=1, claims=7, first_outcome_seconds=0.5, outcomes_meanwhile=0)
    report(a_tally(), 2.0, [kill], [], Verdict(transitions=5), None).write(tmp_path / "demo.json")
    figures = json.loads((tmp_path / "demo.json").read_text())
    assert figures["holds"] is True
    assert (figures["completed"], figures["rolled_back"], figures["stuck"]) == (1, {"out of stock": 1}, 0)
    assert figures["sagas_per_second"] == 1
    assert (figures["transitions"], figures["broken_rules"]) == (5, [])
    assert figures["kills"][0]["claims"] == 7
