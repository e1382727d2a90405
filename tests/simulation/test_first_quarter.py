"""Seeded worlds of the production code, 0 to 499: every invariant holds, and every saga ends or waits for a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.runs import prove


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_invariant_holds_in_every_world(record_property: Callable[[str, object], None]) -> None:
    prove(range(500), record_property)
