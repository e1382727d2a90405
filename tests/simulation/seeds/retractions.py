"""The plan of a world whose operators undo single steps while their sagas go on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.simulation.seeds.plan import Plan, plan_of

FIRST_RETRACTING_SEED: Final = 2_000_000
"""The seeds of these worlds begin here."""
RETRACTIONS: Final = 0.08


def retracting_plan_of(seed: int) -> Plan:
    """Draws a world of steps and branches as any other seed does."""
    return replace(plan_of(seed), retractions=RETRACTIONS)
