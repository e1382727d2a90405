"""An allowance is a burst, and then a rate."""

from __future__ import annotations

from saga.core.allowance import Allowance


def test_a_burst_waits_for_nothing_and_what_follows_waits_its_turn() -> None:
    allowance = Allowance(3, 10.0)

    assert [allowance.take(5.0) for _ in range(5)] == [0, 0, 0, 0.1, 0.2]


def test_a_pause_earns_a_burst_and_no_more() -> None:
    allowance = Allowance(2, 10.0)
    for _ in range(2):
        allowance.take(0.0)

    assert allowance.take(0.1) == 0
    assert [allowance.take(1_000.0) for _ in range(3)] == [0, 0, 0.1]
