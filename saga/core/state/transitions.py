"""The table of every legal change of a saga's phase and of its steps' letters.

Any change that is not in `STEP_TRANSITIONS` or `PHASE_TRANSITIONS` is illegal. `decide` is tested against them, and the
diagrams in the documentation are generated from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from saga.core.state.letters import (
    COMPENSATED,
    COMPENSATING,
    DISPATCHED,
    FROZEN,
    HANDLED,
    PENDING,
    QUARANTINED_COMPENSATING,
    QUARANTINED_DISPATCHED,
    QUARANTINED_RESOLVING,
    QUARANTINED_VOIDING,
    REJECTED,
    RESOLVING,
    SKIPPED,
    SUCCEEDED,
    UNKNOWN,
    VOID,
    VOIDING,
)
from saga.core.state.phase import Phase


@dataclass(frozen=True, slots=True)
class StepTransition:
    """One legal change of a step's letter, with its rule of the protocol and its modes."""

    before: str
    after: str
    rule: str
    phase: Phase  # before the change: a rejection that rolls back is recorded while RUNNING
    modes: str = "TJX"


@dataclass(frozen=True, slots=True)
class PhaseTransition:
    before: Phase
    after: Phase
    rule: str


_R, _C, _A = Phase.RUNNING, Phase.COMPENSATING, Phase.ABANDONING
_DISPATCHED: Final = (DISPATCHED, QUARANTINED_DISPATCHED)
_VOIDING: Final = (VOIDING, QUARANTINED_VOIDING)
_RESOLVING: Final = (RESOLVING, QUARANTINED_RESOLVING)
_COMPENSATING: Final = (COMPENSATING, QUARANTINED_COMPENSATING)

STEP_TRANSITIONS: Final = (
    StepTransition(PENDING, DISPATCHED, "E5 advance", _R, "TJXE"),
    StepTransition(PENDING, SKIPPED, "E5 advance, its condition is false", _R, "TJXE"),
    StepTransition(PENDING, SUCCEEDED, "E5 advance, a check holds", _R, "E"),
    StepTransition(PENDING, REJECTED, "E5 advance, rejected before it began", _R, "TJXE"),
    StepTransition(PENDING, HANDLED, "E4h rejected before it began, handled", _R, "TJXE"),
    StepTransition(DISPATCHED, SKIPPED, "E5 advance, not needed any more", _R, "E"),
    StepTransition(PENDING, QUARANTINED_DISPATCHED, "E4b rejected before it began, behind the pivot", _R),
    *(StepTransition(before, HANDLED, "E4h rejection, handled", _R, "TJXE") for before in _DISPATCHED),
    *(StepTransition(before, SUCCEEDED, "E3 success", _R, "TJXE") for before in _DISPATCHED),
    *(StepTransition(before, SUCCEEDED, "E3 success", _R, "J") for before in _VOIDING),
    StepTransition(REJECTED, QUARANTINED_DISPATCHED, "E3 kept rejection, the pivot succeeded", _R, "TJXE"),
    *(StepTransition(before, REJECTED, "E4 rejection", _R, "TJXE") for before in _DISPATCHED),
    *(StepTransition(before, REJECTED, "E4 rejection", _R, "J") for before in _VOIDING),
    StepTransition(DISPATCHED, QUARANTINED_DISPATCHED, "E4b rejection behind the pivot, E10 exhausted", _R, "TJXE"),
    StepTransition(DISPATCHED, VOIDING, "E6 roll back, pivot unknown", _R, "J"),
    *(StepTransition(before, VOID, "E9 voided", _R, "J") for before in _VOIDING),
    StepTransition(DISPATCHED, VOID, "E9 voided, E6, E13 and E14 never claimed, E14 retract", _R, "X"),
    StepTransition(QUARANTINED_DISPATCHED, VOID, "E9 voided, E14 retract, read-only", _R, "X"),
    StepTransition(VOIDING, QUARANTINED_VOIDING, "E10 exhausted", _R, "J"),
    StepTransition(QUARANTINED_DISPATCHED, DISPATCHED, "E10 operator retries, E14 retract", _R, "TJXE"),
    StepTransition(QUARANTINED_VOIDING, VOIDING, "E10 operator retries", _R, "J"),
    StepTransition(QUARANTINED_DISPATCHED, SKIPPED, "E10 operator goes on without it, behind the pivot", _R, "TJXE"),
    StepTransition(PENDING, VOID, "E6 roll back", _C, "TJXE"),
    *(StepTransition(before, VOID, "E6 roll back", _C, "T") for before in _DISPATCHED),
    *(StepTransition(before, VOID, "E6 roll back, read-only", _C, "JXE") for before in _DISPATCHED),
    *(StepTransition(before, RESOLVING, "E6 roll back", _C, "X") for before in _DISPATCHED),
    StepTransition(QUARANTINED_DISPATCHED, DISPATCHED, "E6 roll back, waits for its successors", _C, "J"),
    *(StepTransition(before, SUCCEEDED, "E3 resolved", _C, "X") for before in _RESOLVING),
    StepTransition(DISPATCHED, SUCCEEDED, "E3 resolved", _C, "J"),
    *(StepTransition(before, VOID, "E4 resolved", _C, "X") for before in _RESOLVING),
    StepTransition(DISPATCHED, REJECTED, "E4 resolved", _C, "J"),
    StepTransition(SUCCEEDED, COMPENSATING, "E7 settle", _C),
    StepTransition(SUCCEEDED, COMPENSATED, "E7 settle, nothing to compensate", _C, "TJXE"),
    StepTransition(DISPATCHED, COMPENSATING, "E7 settle, compensate or tombstone", _C, "J"),
    *(StepTransition(before, COMPENSATED, "E8 compensated", _C) for before in _COMPENSATING),
    StepTransition(RESOLVING, QUARANTINED_RESOLVING, "E10 exhausted", _C, "X"),
    StepTransition(COMPENSATING, QUARANTINED_COMPENSATING, "E10 exhausted", _C),
    StepTransition(QUARANTINED_RESOLVING, RESOLVING, "E10 operator retries", _C, "X"),
    StepTransition(QUARANTINED_COMPENSATING, COMPENSATING, "E10 operator retries", _C),
    *(StepTransition(before, VOID, "E14 retract", _R, "TE") for before in _DISPATCHED),
    *(StepTransition(before, VOID, "E14 retract, read-only", _R, "J") for before in _DISPATCHED),
    *(StepTransition(before, RESOLVING, "E14 retract", _R, "X") for before in _DISPATCHED),
    StepTransition(DISPATCHED, COMPENSATING, "E14 retract, compensate or tombstone", _R, "J"),
    StepTransition(SUCCEEDED, COMPENSATING, "E14 retract", _R),
    StepTransition(SUCCEEDED, COMPENSATED, "E14 retract, nothing to compensate", _R, "TJXE"),
    *(StepTransition(before, COMPENSATING, "E14r it happened", _R, "X") for before in _RESOLVING),
    *(StepTransition(before, VOID, "E14r it did not happen", _R, "X") for before in _RESOLVING),
    *(StepTransition(before, COMPENSATED, "E14r compensated", _R) for before in _COMPENSATING),
    StepTransition(RESOLVING, QUARANTINED_RESOLVING, "E10 exhausted", _R, "X"),
    StepTransition(COMPENSATING, QUARANTINED_COMPENSATING, "E10 exhausted", _R),
    StepTransition(QUARANTINED_RESOLVING, RESOLVING, "E10 operator retries", _R, "X"),
    StepTransition(QUARANTINED_COMPENSATING, COMPENSATING, "E10 operator retries", _R),
    StepTransition(PENDING, VOID, "E13 abandon", _A, "TJXE"),
    *(StepTransition(before, VOID, "E13 abandon", _A, "TE") for before in _DISPATCHED),
    *(StepTransition(before, SUCCEEDED, "E13 abandon", _A, "T") for before in _COMPENSATING),
    *(StepTransition(before, FROZEN, "E13 abandon, freeze", _A, "JX") for before in (*_DISPATCHED, *_COMPENSATING)),
    *(StepTransition(before, FROZEN, "E13 abandon, freeze", _A, "X") for before in _RESOLVING),
    *(StepTransition(before, FROZEN, "E13 abandon, freeze", _A, "J") for before in _VOIDING),
    *(StepTransition(FROZEN, after, "E13 frozen", _A, "J") for after in (SUCCEEDED, VOID, COMPENSATED)),
    StepTransition(FROZEN, UNKNOWN, "E13 effect unknown", _A, "X"),
)

PHASE_TRANSITIONS: Final = (
    PhaseTransition(_R, Phase.COMPLETED, "E5 every step succeeded, skipped or handled"),
    PhaseTransition(_R, _C, "E6 roll back"),
    PhaseTransition(_C, Phase.COMPENSATED, "E7 every step clear"),
    PhaseTransition(_R, _A, "E13 abandon"),
    PhaseTransition(_C, _A, "E13 abandon"),
    PhaseTransition(_A, Phase.ABANDONED, "E13 nothing frozen is left open"),
)
