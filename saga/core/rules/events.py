"""What can happen to a saga: the inputs of `decide`. Each class names the rule of the protocol that it triggers."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from saga.core.state.operation import Operation


class Started(Struct, frozen=True):
    """E1: the saga row is about to be inserted."""


class Succeeded(Struct, frozen=True):
    """E3: the effect of this step is there; from any claim, however late."""

    step: int


class Rejected(Struct, frozen=True):
    """E4: the step has no effect and never will have one. The caller vouches for G25 (quiet) and G27 (newest claim)."""

    step: int
    reason: str


class Failed(Struct, frozen=True):
    """A technical failure, outcome unknown: tried again, or given up (E10) when the policy says so.

    `failures` counts this one; `first_failure_ago_seconds` is for `give_up_after`; `final` gives up at once;
    `quiet_in_seconds` is how long the step must rest before another answer can count (external steps, G25). `operation`
    is what has failed: where the step calls for another one by now, its failures are not those of this one.
    """

    step: int
    error: str
    failures: int
    first_failure_ago_seconds: float
    final: bool = False
    quiet_in_seconds: float = 0.0
    operation: Operation | None = None


class Ongoing(Struct, frozen=True):
    """The step says: not yet, ask again. Never counted as a failure."""

    step: int
    again_in_seconds: float


class Compensated(Struct, frozen=True):
    """E8: the effect of this step is undone, or it never was there and never will be."""

    step: int


class JournalReport(Enum):
    """What a service's journal says when it is asked to void a step or to report it."""

    EXECUTED = "executed"
    VOIDED = "voided"
    COMPENSATED = "compensated"


class Reported(Struct, frozen=True):
    """E9, E13: the answer to void-or-report. VOIDED: a tombstone or a rejection is in the journal, no effect can come any more."""

    step: int
    report: JournalReport


class Absent(Struct, frozen=True):
    """A probe's definite 'it did not happen' (G28: no claim could call when it was asked)."""

    step: int


class Quiet(Struct, frozen=True):
    """E13: no claim of this external step can call any more."""

    step: int


class RollbackRequested(Struct, frozen=True):
    """E6: somebody asks for a rollback. `deadline` marks the one that the clock asks for."""

    reason: str
    deadline: bool = False


class Redriven(Struct, frozen=True):
    """E11: publish again what the vector calls for, except for the steps that are held by a live claim or a queued command."""

    held: frozenset[int] = frozenset()


class Paused(Struct, frozen=True):
    """An operator holds the saga: no claim, dispatch or redrive. Outcomes are still recorded, the deadline goes on."""


class Resumed(Struct, frozen=True):
    """An operator lets a paused saga go on."""


class Retried(Struct, frozen=True):
    """E10o: an operator sends a quarantined step round again."""

    step: int


class Happened(Struct, frozen=True):
    """E10o: an operator has evidence that the effect of a quarantined step is there."""

    step: int


class DidNotHappen(Struct, frozen=True):
    """E10o: an operator has evidence (G37, checked by the caller) that a quarantined step has no effect and never will."""

    step: int


class Skipped(Struct, frozen=True):
    """E10o: behind the pivot an operator goes on without a quarantined step. The caller vouches that no effect of it can come any more."""

    step: int


class CompensatedByHand(Struct, frozen=True):
    """E10o: an operator has compensated a quarantined step by hand."""

    step: int


class Abandoned(Struct, frozen=True):
    """E13: forced and audited; freezes first, ends when nothing frozen is open."""


class Extended(Struct, frozen=True):
    """The deadline moves by the length of an outage that was not the saga's fault."""

    by_seconds: float


Event = (
    Started
    | Succeeded
    | Rejected
    | Failed
    | Ongoing
    | Compensated
    | Reported
    | Absent
    | Quiet
    | RollbackRequested
    | Redriven
    | Paused
    | Resumed
    | Retried
    | Happened
    | DidNotHappen
    | Skipped
    | CompensatedByHand
    | Abandoned
    | Extended
)
