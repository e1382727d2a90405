"""The faults of the fake provider: a function of the seed and of the call.

Declines and late answers depend on the order, so that every run of the demo meets the same ones. A failure depends
on the single call, so that the next one may succeed.
"""

from dataclasses import dataclass
from enum import Enum

from examples.order.data.chance import draw


class Failure(Enum):
    """The point at which a call failed that is answered with a 5xx."""

    NONE = "none"
    BEFORE = "before the money moved"
    AFTER = "after the money moved"


class Lateness(Enum):
    """The moment at which a call takes effect whose answer comes after the caller's timeout."""

    NONE = "in time"
    ANSWER = "takes effect at once, answers late"
    EFFECT = "takes effect late, answers late"


@dataclass(frozen=True, slots=True)
class Faults:
    """The shares of charges and calls that go wrong, each between 0 and 1."""

    seed: int
    declined_share: float = 0.05
    late_share: float = 0.03
    failing_share: float = 0.02

    def declines(self, reference: str) -> bool:
        """Tells whether the card of this order is declined."""
        return draw(self.seed, "decline", reference) < self.declined_share

    def lateness(self, kind: str, reference: str) -> Lateness:
        """Tells whether, and how, the answer comes too late for the caller."""
        if draw(self.seed, "late", kind, reference) >= self.late_share:
            return Lateness.NONE
        if draw(self.seed, "late effect", kind, reference) < 0.5:
            return Lateness.ANSWER
        return Lateness.EFFECT

    def failure(self, kind: str, reference: str, call: int) -> Failure:
        """Tells whether, and where, the n-th call under one key fails."""
        if draw(self.seed, "fail", kind, reference, call) >= self.failing_share:
            return Failure.NONE
        if draw(self.seed, "fail after", kind, reference, call) < 0.5:
            return Failure.BEFORE
        return Failure.AFTER

    def latency_seconds(self, kind: str, reference: str) -> float:
        """Returns the duration of an ordinary call: mostly 80 ms, sometimes 250 ms."""
        chance = draw(self.seed, "latency", kind, reference)
        return 0.08 + 0.17 * chance**4
