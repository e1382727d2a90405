"""What can happen to a saga: the inputs of `decide`. Each class names the rule of the protocol that it triggers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from saga.core.states import Operation


@dataclass(frozen=True, slots=True)
class Started:
    """E1: the saga row is about to be inserted."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    """E3: the effect of this step is there; from any claim, however late."""

    step: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """E4: the step has no effect and never will have one. The caller vouches for G25 (quiet) and G27 (newest claim)."""

    step: int
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
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


@dataclass(frozen=True, slots=True)
class Ongoing:
    """The step says: not yet, ask again. Never counted as a failure."""

    step: int
    again_in_seconds: float


@dataclass(frozen=True, slots=True)
class Compensated:
    """E8: the effect of this step is undone, or it never was there and never will be."""

    step: int


class Finding(Enum):
    """What a service's journal says when it is asked to void a step or to report it."""

    EXECUTED = "executed"
    VOIDED = "voided"
    COMPENSATED = "compensated"


@dataclass(frozen=True, slots=True)
class Reported:
    """E9, E13: the answer to void-or-report. VOIDED: a tombstone or a rejection is in the journal, no effect can come any more."""

    step: int
    finding: Finding


@dataclass(frozen=True, slots=True)
class Absent:
    """A probe's definite 'it did not happen' (G28: no claim could call when it was asked)."""

    step: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """E13: no claim of this external step can call any more."""

    step: int


@dataclass(frozen=True, slots=True)
class RollBack:
    """E6: somebody asks for a roll-back. `deadline` marks the one that the clock asks for."""

    reason: str
    deadline: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """E11: publish again what the vector calls for, except for the steps that are held by a live claim or a queued command."""

    held: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Paused:
    """An operator holds the saga: no claim, dispatch or re-drive. Outcomes are still recorded, the deadline goes on."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """An operator lets a paused saga go on."""


@dataclass(frozen=True, slots=True)
class Retried:
    """E10o: an operator sends a quarantined step round again."""

    step: int


@dataclass(frozen=True, slots=True)
class Happened:
    """E10o: an operator has evidence that the effect of a quarantined step is there."""

    step: int


@dataclass(frozen=True, slots=True)
class DidNotHappen:
    """E10o: an operator has evidence (G37, checked by the caller) that a quarantined step has no effect and never will."""

    step: int


@dataclass(frozen=True, slots=True)
class Waived:
    """E10o: behind the pivot an operator goes on without a quarantined step. The caller vouches that no effect of it can come any more."""

    step: int


@dataclass(frozen=True, slots=True)
class Undone:
    """E10o: an operator has compensated a quarantined step by hand."""

    step: int


@dataclass(frozen=True, slots=True)
class Abandoned:
    """E13: forced and audited; freezes first, ends when nothing frozen is open."""


@dataclass(frozen=True, slots=True)
class Extended:
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
    | RollBack
    | Tick
    | Paused
    | Resumed
    | Retried
    | Happened
    | DidNotHappen
    | Waived
    | Undone
    | Abandoned
    | Extended
)
