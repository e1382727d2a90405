"""Phases of a saga, letters of its steps, and the table of every transition that exists.

The saga row is the truth: a phase and a vector with one letter a step. Everything that is not in `STEP_TRANSITIONS` and
`PHASE_TRANSITIONS` is illegal; `decide` is tested against them and the diagrams in the documentation are generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saga.core.state.phase import Phase


@dataclass(frozen=True, slots=True)
class StepTransition:
    """One legal change of a step's letter: by which rule of the protocol, for which modes."""

    before: str
    after: str
    rule: str
    phase: Phase  # in which the change is made: a rejection that rolls back is recorded while RUNNING
    modes: str = "TJX"


@dataclass(frozen=True, slots=True)
class PhaseTransition:
    before: Phase
    after: Phase
    rule: str


_R, _C, _A = Phase.RUNNING, Phase.COMPENSATING, Phase.ABANDONING

STEP_TRANSITIONS: Final = (
    StepTransition("P", "D", "E5 advance", _R),
    StepTransition("P", "N", "E5 advance, its condition is false", _R),
    *(StepTransition(x, "S", "E3 success", _R) for x in "Dd"),
    *(StepTransition(x, "S", "E3 success", _R, "J") for x in "Ww"),
    StepTransition("R", "d", "E3 kept rejection, the pivot succeeded", _R),
    *(StepTransition(x, "R", "E4 rejection", _R) for x in "Dd"),
    *(StepTransition(x, "R", "E4 rejection", _R, "J") for x in "Ww"),
    StepTransition("D", "d", "E4b rejection behind the pivot, E10 exhausted", _R),
    StepTransition("D", "W", "E6 roll back, pivot unknown", _R, "J"),
    *(StepTransition(x, "V", "E9 voided", _R, "J") for x in "Ww"),
    *(StepTransition(x, "V", "E9 voided", _R, "X") for x in "Dd"),
    StepTransition("W", "w", "E10 exhausted", _R, "J"),
    StepTransition("d", "D", "E10 operator retries", _R),
    StepTransition("w", "W", "E10 operator retries", _R, "J"),
    StepTransition("d", "N", "E10 operator goes on without it, behind the pivot", _R),
    StepTransition("P", "V", "E6 roll back", _C),
    *(StepTransition(x, "V", "E6 roll back", _C, "T") for x in "Dd"),
    *(StepTransition(x, "V", "E6 roll back, read-only", _C, "JX") for x in "Dd"),
    *(StepTransition(x, "U", "E6 roll back", _C, "X") for x in "Dd"),
    StepTransition("d", "D", "E6 roll back, waits for its successors", _C, "J"),
    *(StepTransition(x, "S", "E3 resolved", _C, "X") for x in "Uu"),
    StepTransition("D", "S", "E3 resolved", _C, "J"),
    *(StepTransition(x, "V", "E4 resolved", _C, "X") for x in "Uu"),
    StepTransition("D", "R", "E4 resolved", _C, "J"),
    StepTransition("S", "K", "E7 settle", _C),
    StepTransition("S", "Z", "E7 settle, nothing to compensate", _C),
    StepTransition("D", "K", "E7 settle, compensate or tombstone", _C, "J"),
    *(StepTransition(x, "Z", "E8 compensated", _C) for x in "Kk"),
    StepTransition("U", "u", "E10 exhausted", _C, "X"),
    StepTransition("K", "k", "E10 exhausted", _C),
    StepTransition("u", "U", "E10 operator retries", _C, "X"),
    StepTransition("k", "K", "E10 operator retries", _C),
    StepTransition("P", "V", "E13 abandon", _A),
    *(StepTransition(x, "V", "E13 abandon", _A, "T") for x in "Dd"),
    *(StepTransition(x, "S", "E13 abandon", _A, "T") for x in "Kk"),
    *(StepTransition(x, "G", "E13 abandon, freeze", _A, "JX") for x in "DdKk"),
    *(StepTransition(x, "G", "E13 abandon, freeze", _A, "X") for x in "Uu"),
    *(StepTransition(x, "G", "E13 abandon, freeze", _A, "J") for x in "Ww"),
    *(StepTransition("G", x, "E13 frozen", _A, "J") for x in "SVZ"),
    StepTransition("G", "?", "E13 effect unknown", _A, "X"),
)

PHASE_TRANSITIONS: Final = (
    PhaseTransition(_R, Phase.COMPLETED, "E5 every step succeeded or skipped"),
    PhaseTransition(_R, _C, "E6 roll back"),
    PhaseTransition(_C, Phase.COMPENSATED, "E7 every step clear"),
    PhaseTransition(_R, _A, "E13 abandon"),
    PhaseTransition(_C, _A, "E13 abandon"),
    PhaseTransition(_A, Phase.ABANDONED, "E13 nothing frozen is left open"),
)
