"""Phases of a saga, letters of its steps, and the table of every transition that exists.

The saga row is the truth: a phase and a vector with one letter a step. Everything that is not in `TRANSITIONS` is illegal; `decide` is tested
against the table and the diagrams in the documentation are generated from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Phase(Enum):
    """Where a whole saga stands. The value is the letter stored in the table."""

    RUNNING = "R"
    COMPENSATING = "C"
    ABANDONING = "A"
    COMPLETED = "D"
    COMPENSATED = "Z"
    ABANDONED = "X"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_PHASES


TERMINAL_PHASES: Final = frozenset({Phase.COMPLETED, Phase.COMPENSATED, Phase.ABANDONED})


class Mode(Enum):
    """How a step makes its effect; it decides what an unknown outcome means."""

    TRANSACTIONAL = "T"
    JOURNALED = "J"
    EXTERNAL = "X"


class Operation(Enum):
    """What a command asks a participant to do."""

    EXECUTE = "E"
    COMPENSATE = "C"
    VOID_OR_REPORT = "O"


# Letters of the vector. Upper-case D W U K have a lower-case twin: the same, quarantined (set aside for a person).
PENDING: Final = "P"
DISPATCHED: Final = "D"
VOIDING: Final = "W"
RESOLVING: Final = "U"
COMPENSATING: Final = "K"
SUCCEEDED: Final = "S"
SKIPPED: Final = "N"
REJECTED: Final = "R"
VOID: Final = "V"
COMPENSATED: Final = "Z"
FROZEN: Final = "G"
UNKNOWN: Final = "?"

QUARANTINED_LETTERS: Final = frozenset("dwuk")
FINISHED_LETTERS: Final = frozenset("SN")
OPEN_LETTERS: Final = frozenset("DdWw")
LETTERS: Final = frozenset("PDWUKdwukSNRVZG?")

WORDS: Final[dict[str, str]] = {
    "P": "pending",
    "D": "dispatched",
    "W": "voiding",
    "U": "resolving",
    "K": "compensating",
    "d": "quarantined (dispatched)",
    "w": "quarantined (voiding)",
    "u": "quarantined (resolving)",
    "k": "quarantined (compensating)",
    "S": "succeeded",
    "N": "skipped",
    "R": "rejected",
    "V": "void",
    "Z": "compensated",
    "G": "frozen",
    "?": "unknown residue",
}


@dataclass(frozen=True, slots=True)
class StepTransition:
    """One legal change of a step's letter: in which phase it is made, by which rule of the protocol, for which modes."""

    before: str
    after: str
    rule: str
    phase: Phase  # the phase of the saga after the change
    modes: str = "TJX"


@dataclass(frozen=True, slots=True)
class PhaseTransition:
    before: Phase
    after: Phase
    rule: str


_R, _C, _A = Phase.RUNNING, Phase.COMPENSATING, Phase.ABANDONING

STEP_TRANSITIONS: Final = (
    StepTransition("P", "D", "E5 advance", _R),
    StepTransition("P", "N", "E5 advance", _R),
    StepTransition("D", "S", "E3 success", _R),
    StepTransition("d", "S", "E3 success", _R),
    StepTransition("W", "S", "E3 success", _R, "J"),
    StepTransition("w", "S", "E3 success", _R, "J"),
    StepTransition("R", "d", "E3 kept rejection, the pivot succeeded", _R),
    StepTransition("D", "R", "E4 rejection", _R),
    StepTransition("d", "R", "E4 rejection", _R),
    StepTransition("W", "R", "E4 rejection", _R, "J"),
    StepTransition("w", "R", "E4 rejection", _R, "J"),
    StepTransition("D", "R", "E4 rejection", _C),
    StepTransition("d", "R", "E4 rejection", _C),
    StepTransition("W", "R", "E4 rejection", _C, "J"),
    StepTransition("w", "R", "E4 rejection", _C, "J"),
    StepTransition("D", "d", "E4b rejection behind the pivot", _R),
    StepTransition("D", "W", "E6 roll back, pivot unknown", _R, "J"),
    StepTransition("d", "W", "E6 roll back, pivot unknown", _R, "J"),
    StepTransition("P", "V", "E6 roll back", _C),
    StepTransition("D", "V", "E6 roll back", _C, "T"),
    StepTransition("d", "V", "E6 roll back", _C, "T"),
    StepTransition("D", "U", "E6 roll back", _C, "X"),
    StepTransition("d", "U", "E6 roll back", _C, "X"),
    StepTransition("W", "D", "E6 roll back", _C, "J"),
    StepTransition("w", "D", "E6 roll back", _C, "J"),
    StepTransition("U", "S", "E3 resolved", _C, "X"),
    StepTransition("u", "S", "E3 resolved", _C, "X"),
    StepTransition("D", "S", "E3 resolved", _C, "J"),
    StepTransition("d", "S", "E3 resolved", _C, "J"),
    StepTransition("U", "V", "E4 resolved", _C, "X"),
    StepTransition("u", "V", "E4 resolved", _C, "X"),
    StepTransition("S", "K", "E7 settle", _C),
    StepTransition("D", "K", "E7 settle", _C, "J"),
    StepTransition("d", "K", "E7 settle", _C, "J"),
    StepTransition("K", "Z", "E8 compensated", _C),
    StepTransition("k", "Z", "E8 compensated", _C),
    StepTransition("D", "V", "E9 voided", _C),
    StepTransition("d", "V", "E9 voided", _C),
    StepTransition("W", "V", "E9 voided", _C, "J"),
    StepTransition("w", "V", "E9 voided", _C, "J"),
    StepTransition("D", "d", "E10 exhausted", _R),
    StepTransition("W", "w", "E10 exhausted", _R, "J"),
    StepTransition("U", "u", "E10 exhausted", _C, "X"),
    StepTransition("K", "k", "E10 exhausted", _C),
    StepTransition("d", "D", "E10 operator retries", _R),
    StepTransition("w", "W", "E10 operator retries", _R, "J"),
    StepTransition("u", "U", "E10 operator retries", _C, "X"),
    StepTransition("k", "K", "E10 operator retries", _C),
    StepTransition("P", "V", "E13 abandon", _A),
    StepTransition("D", "V", "E13 abandon", _A, "T"),
    StepTransition("d", "V", "E13 abandon", _A, "T"),
    StepTransition("K", "S", "E13 abandon", _A, "T"),
    StepTransition("k", "S", "E13 abandon", _A, "T"),
    *(StepTransition(x, "G", "E13 abandon", _A, "JX") for x in "DdUuKk"),
    *(StepTransition(x, "G", "E13 abandon", _A, "J") for x in "Ww"),
    StepTransition("G", "S", "E13 frozen", _A, "J"),
    StepTransition("G", "V", "E13 frozen", _A, "J"),
    StepTransition("G", "Z", "E13 frozen", _A, "J"),
    StepTransition("G", "?", "E13 residue", Phase.ABANDONED, "X"),
)

PHASE_TRANSITIONS: Final = (
    PhaseTransition(_R, Phase.COMPLETED, "E5 every step succeeded or skipped"),
    PhaseTransition(_R, _C, "E6 roll back"),
    PhaseTransition(_C, Phase.COMPENSATED, "E7 every step clear"),
    PhaseTransition(_R, _A, "E13 abandon"),
    PhaseTransition(_C, _A, "E13 abandon"),
    PhaseTransition(_A, Phase.ABANDONED, "E13 nothing frozen is left open"),
)
