"""Seeded worlds in which single steps are undone while their sagas go on: every invariant holds, and every saga ends."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.runs import prove
from tests.simulation.seeds.retractions import FIRST_RETRACTING_SEED


def test_every_invariant_holds_where_single_steps_are_undone(record_property: Callable[[str, object], None]) -> None:
    prove(range(FIRST_RETRACTING_SEED, FIRST_RETRACTING_SEED + 50), record_property)
