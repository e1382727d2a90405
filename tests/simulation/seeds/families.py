"""Families of worlds. Each covers another corner of the protocol; the seeds belong to them in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.simulation.worlds.definitions import Preferences
from tests.simulation.worlds.services import Rates

ANY_PREFERENCES: Final = Preferences()
USUAL: Final = Rates()


@dataclass(frozen=True, slots=True)
class Family:
    """The properties of its worlds, most of them probabilities and factors of probabilities.

    `messages` is the probability of each kind of fault for a message. `boundaries` multiplies the faults of the store, `people` the
    actions of operators, `evidence` their resolutions of stuck steps, `abandon` their abandonments. `outside_bus` is the share of
    worlds that have one. `purges`: journals are purged while sagas are still young. `frozen_claims` is the probability that a
    process is frozen with claims that it has not begun. `everywhere`: all participants serve all services.
    """

    name: str
    preferences: Preferences = ANY_PREFERENCES
    rates: Rates = USUAL
    messages: float = 0.19
    boundaries: float = 1.0
    people: float = 1.0
    outside_bus: float = 0.4
    purges: bool = False
    frozen_claims: float = 0.0
    evidence: float = 1.0
    abandon: float = 1.0
    everywhere: bool = False


FAMILIES: Final = (
    Family("mixed"),
    Family(
        "providers",
        Preferences(modes="XXXJ", pivot=0.35, probe=0.3),
        Rates(rejection=0.22, stuck=0.3, answer_lost=0.15, crash=0.1, frozen=0.06),
        frozen_claims=0.08,
    ),
    Family(
        "journals", Preferences(modes="JJJX", pivot=0.4), Rates(rejection=0.2, crash=0.05, frozen=0.08), boundaries=1.3
    ),
    Family("transactions", Preferences(modes="TTTX", pivot=0.3), Rates(rejection=0.24, frozen=0.12), boundaries=1.3),
    Family(
        "pivots",
        Preferences(modes="TJX", pivot=1.0, pivot_mode="JX", deadline=0.5, parallel=0.6),
        Rates(rejection=0.2, forward_rejection=0.15, stuck=0.25, failure=0.3),
        people=1.5,
    ),
    Family(
        "people",
        Preferences(modes="TJXXX", pivot=0.4),
        Rates(rejection=0.22, forward_rejection=0.12, stuck=0.25, exhausted=0.96),
        people=2.0,
        evidence=3.0,
    ),
    Family(
        "late", Preferences(modes="TJXXX"), Rates(rejection=0.24, stuck=0.4, frozen=0.1), messages=0.23, outside_bus=1.0
    ),
    Family("branches", Preferences(pivot=0.15, parallel=0.85, deadline=0.5), Rates(rejection=0.2), messages=0.2),
    Family(
        "abandoned",
        Preferences(modes="XXXJ", pivot=0.3),
        Rates(rejection=0.25, stuck=0.3, answer_lost=0.1, frozen=0.06),
        abandon=20.0,
    ),
    Family("purges", Preferences(modes="JJJT", pivot=0.3), Rates(rejection=0.2, frozen=0.2), purges=True),
)

LATE_CLAIMS: Final = Family(
    "late claims",
    Preferences(modes="J", pivot=0.0),
    Rates(rejection=0.4, failure=0.25, frozen=0.1),
    messages=0.1,
    boundaries=0.5,
    frozen_claims=0.25,
    everywhere=True,
)
"""The family of worlds in which one claim of a step begins late, and a newer one is rejected meanwhile. No seed has it in turn."""


def family_of(seed: int) -> Family:
    """Returns the family that a seed belongs to."""
    return FAMILIES[seed % len(FAMILIES)]
