"""Seeded worlds of sagas that wait for events, for time and for completions: every invariant holds, and every saga ends."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.runs import prove
from tests.simulation.seeds.waits import FIRST_SEED


def test_every_invariant_holds_where_sagas_wait(record_property: Callable[[str, object], None]) -> None:
    prove(range(FIRST_SEED, FIRST_SEED + 40), record_property)
