"""Families of worlds. Each likes another corner of the protocol; a seed belongs to one of them, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.simulation.worlds.definitions import Taste
from tests.simulation.worlds.services import Rates

ANY_TASTE: Final = Taste()
USUAL: Final = Rates()


@dataclass(frozen=True, slots=True)
class Family:
    """What its worlds are like. `messages`: how often each kind of fault hits a message. `boundaries` multiplies the rates of the store's
    faults, `people` those of operators, `evidence` how often they resolve what is stuck by what they have seen. `outside_bus`: how many of
    the worlds have one. `purges`: whether journals are purged while sagas are still young. `frozen_claims`: how often a process is frozen
    with claims that it has not begun. `abandon` multiplies how often operators abandon a saga."""

    name: str
    taste: Taste = ANY_TASTE
    rates: Rates = USUAL
    messages: float = 0.19
    boundaries: float = 1.0
    people: float = 1.0
    outside_bus: float = 0.4
    purges: bool = False
    frozen_claims: float = 0.0
    evidence: float = 1.0
    abandon: float = 1.0


FAMILIES: Final = (
    Family("mixed"),
    Family(
        "providers",
        Taste(modes="XXXJ", pivot=0.35, probe=0.3),
        Rates(rejection=0.22, stuck=0.3, answer_lost=0.15, crash=0.1, frozen=0.06),
        frozen_claims=0.08,
    ),
    Family("journals", Taste(modes="JJJX", pivot=0.4), Rates(rejection=0.2, crash=0.05, frozen=0.08), boundaries=1.3),
    Family("transactions", Taste(modes="TTTX", pivot=0.3), Rates(rejection=0.24, frozen=0.12), boundaries=1.3),
    Family(
        "pivots",
        Taste(modes="TJX", pivot=1.0, pivot_mode="JX", deadline=0.5, parallel=0.6),
        Rates(rejection=0.2, forward_rejection=0.15, stuck=0.25, failure=0.3),
        people=1.5,
    ),
    Family(
        "people",
        Taste(modes="TJXXX", pivot=0.4),
        Rates(rejection=0.22, forward_rejection=0.12, stuck=0.25, exhausted=0.96),
        people=2.0,
        evidence=3.0,
    ),
    Family("late", Taste(modes="TJXXX"), Rates(rejection=0.24, stuck=0.4, frozen=0.1), messages=0.23, outside_bus=1.0),
    Family("branches", Taste(pivot=0.15, parallel=0.85, deadline=0.5), Rates(rejection=0.2), messages=0.2),
    Family(
        "abandoned",
        Taste(modes="XXXJ", pivot=0.3),
        Rates(rejection=0.25, stuck=0.3, answer_lost=0.1, frozen=0.06),
        abandon=20.0,
    ),
    Family("purges", Taste(modes="JJJT", pivot=0.3), Rates(rejection=0.2, frozen=0.2), purges=True),
)


def family_of(seed: int) -> Family:
    """The family that a seed belongs to."""
    return FAMILIES[seed % len(FAMILIES)]
