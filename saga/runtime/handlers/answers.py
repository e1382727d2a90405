"""Exceptions by which a handler answers something other than "done"."""

from __future__ import annotations

from saga.core.duration import Duration, duration_ms


class Reject(Exception):
    """A business decision against the step: final, without effect. Before the pivot the saga is rolled back with this reason.

    In an external step it promises that the call had no effect and never will have one.
    """

    def __init__(self, reason: str) -> None:
        """`reason`: of anything else than a text, such as the provider's exception, its text is stored; at most 500 characters."""
        super().__init__(reason)
        self.reason = reason


class GiveUp(Exception):
    """A technical failure that no retry will mend; whether the step took effect is unknown. The step is not retried."""


class NotYet(Exception):
    """The step is ongoing: it is attempted again after a while. This does not count as a failure, and has no limit.

    What the handler has written in the transaction of its step is rolled back. If another system can tell when the work is done,
    raise `Pending` instead, which asks nobody. The step has begun: a rollback asks it again until it returns or raises `Reject`, and
    waits if it is the pivot.
    """

    def __init__(self, after: Duration = "1s") -> None:
        super().__init__(f"not yet, again in {after}")
        self.after_seconds: float = duration_ms(after) / 1000


class Pending(Exception):
    """An external step is under way, and another system will say how it ended: `sagas.complete`, `reject` or `fail` with `ctx.token`.

    Until then no process is occupied and nothing is asked. After `within` without an answer the attempt has failed, with an unknown
    outcome, and the retry policy decides.
    """

    def __init__(self, within: Duration) -> None:
        super().__init__(f"pending, to be completed within {within}")
        self.within_seconds: float = duration_ms(within) / 1000


class DidNotHappen(Exception):
    """A probe's answer: the call has left no trace."""
