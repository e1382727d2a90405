"""Seeded worlds of the production code: every invariant holds in them, and every saga ends or waits for a person."""

from __future__ import annotations

import pytest

from tests.simulation.world import run_seed


@pytest.mark.parametrize("first", range(0, 100, 20))
def test_no_invariant_breaks(first: int) -> None:
    for seed in range(first, first + 20):
        report = run_seed(seed)

        assert not report.violation, f"seed {seed}: {report.violation} {report.text}"


def test_an_operator_who_retries_a_step_over_an_outside_bus_is_heard() -> None:
    """The row of a step that was set aside refused the message that called for it, for ever (L1)."""
    for seed in (5, 12, 15):
        assert not run_seed(seed).violation
