"""Events: everything that can happen to a saga, as input of `decide`. Each names the rule of the protocol that it triggers."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

from msgspec import Struct

from saga.core.state.operation import Operation


class Started(Struct, frozen=True):
    """E1: the saga row is about to be inserted."""

    step: ClassVar[int] = -1  # where the decision on it is remembered, beside those on successes


class Succeeded(Struct, frozen=True):
    """E3: the step has taken effect. From any claim, however late."""

    step: int


class Rejected(Struct, frozen=True):
    """E4: the step has no effect and never will have one. The caller ensures G25 (quiet) and G27 (newest claim)."""

    step: int
    reason: str


class Cancelled(Struct, frozen=True):
    """E15: the event of a wait that cancels the saga is there: the wait is over, and a rollback is requested."""

    step: int
    reason: str


class Failed(Struct, frozen=True):
    """A technical failure of unknown outcome: retried, or given up (E10) when the policy is exhausted.

    `failures` includes this one; `first_failure_ago_seconds` is for `give_up_after`; `final` gives up at once;
    `quiet_in_seconds` is how long the step must rest before another answer can count (external steps, G25). `operation`
    is the one that failed: if the step calls for another one by now, this failure does not count against it.
    """

    step: int
    error: str
    failures: int
    first_failure_ago_seconds: float
    final: bool = False
    quiet_in_seconds: float = 0.0
    operation: Operation | None = None


class Ongoing(Struct, frozen=True):
    """The step has not begun or is not finished: ask again later. Never counted as a failure; a compensation budget ends it."""

    step: int
    again_in_seconds: float


class Compensated(Struct, frozen=True):
    """E8: the effect of the step is undone; `found_nothing`: it never existed and never will."""

    step: int
    found_nothing: bool = False


class JournalReport(Enum):
    """The answer of a service's journal to void-or-report."""

    EXECUTED = "executed"
    VOIDED = "voided"
    COMPENSATED = "compensated"


class Reported(Struct, frozen=True):
    """E9, E13: the answer to void-or-report. VOIDED: the journal holds a tombstone or a rejection, so no effect can follow."""

    step: int
    report: JournalReport


class Absent(Struct, frozen=True):
    """A probe's definite 'it did not happen' (G28: no claim could make a call when the probe was called)."""

    step: int


class Quiet(Struct, frozen=True):
    """E13: no call of this external step can arrive any more."""

    step: int


class RollbackRequested(Struct, frozen=True):
    """E6: a rollback is requested, by an operator or, with `deadline`, by the clock."""

    reason: str
    deadline: bool = False


class Unclaimed(Struct, frozen=True):
    """G135: no process has ever claimed the commands of these steps. It comes before the event that may roll back.

    The caller ensures that this still holds when the decision is written.
    """

    steps: frozenset[int]


class Redriven(Struct, frozen=True):
    """E11: send again what the vector calls for, except for steps that a live claim or a queued command holds."""

    held: frozenset[int] = frozenset()


class Paused(Struct, frozen=True):
    """An operator pauses the saga: no claim, dispatch or redrive. Outcomes are still recorded; the deadline still applies."""


class Resumed(Struct, frozen=True):
    """An operator resumes a paused saga."""


class Retried(Struct, frozen=True):
    """E10o: an operator retries a quarantined step."""

    step: int


class Happened(Struct, frozen=True):
    """E10o: an operator has evidence that a quarantined step took effect."""

    step: int


class DidNotHappen(Struct, frozen=True):
    """E10o: an operator has evidence (G37, checked by the caller) that a quarantined step has no effect and never will."""

    step: int


class Skipped(Struct, frozen=True):
    """E10o: behind the pivot, an operator skips a quarantined step. The caller ensures that it can no longer take effect."""

    step: int


class Retracted(Struct, frozen=True):
    """E14: an operator undoes one step, or keeps it from taking effect, while the saga goes on."""

    step: int
    reason: str


class CompensatedByHand(Struct, frozen=True):
    """E10o: an operator has compensated a quarantined step by hand."""

    step: int


class Abandoned(Struct, frozen=True):
    """E13: forced and audited. Freezes first, and ends when no step is frozen any more."""


class Extended(Struct, frozen=True):
    """The deadline moves by the length of an outage, which is not the saga's fault."""

    by_seconds: float


Event = (
    Started
    | Succeeded
    | Rejected
    | Cancelled
    | Failed
    | Ongoing
    | Compensated
    | Reported
    | Absent
    | Quiet
    | RollbackRequested
    | Unclaimed
    | Redriven
    | Paused
    | Resumed
    | Retried
    | Happened
    | DidNotHappen
    | Skipped
    | Retracted
    | CompensatedByHand
    | Abandoned
    | Extended
)
