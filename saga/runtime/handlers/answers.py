"""What a handler raises to say something other than 'done'."""

from __future__ import annotations

from saga.core.duration import Duration, duration_ms


class Reject(Exception):
    """The business says no: final, without effect. Before the pivot the saga is rolled back with this reason.

    In an external step it is a promise that the call had no effect and never will have one.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class GiveUp(Exception):
    """A technical failure that no retry will mend; what became of the effect is unknown. The step's attempts end here."""


class NotYet(Exception):
    """Ongoing: ask again after a while. It is not counted as a failure."""

    def __init__(self, after: Duration = "1s") -> None:
        super().__init__(f"not yet, again in {after}")
        self.after_seconds = duration_ms(after) / 1000


class DidNotHappen(Exception):
    """A probe's answer: there is no trace of the call."""
