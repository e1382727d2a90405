"""The interface of the step runners: one for each mode."""

from __future__ import annotations

from typing import Protocol

from saga.runtime.planning.commit_plan import Committed
from saga.runtime.planning.outcome import Outcome
from saga.runtime.steps.attempt import Attempt


class StepRunner(Protocol):
    """Runs attempts. A handler is bound to its runner when it is served; a new kind of step is a new implementation."""

    async def run(self, attempt: Attempt) -> Outcome | Committed:
        """Runs one attempt. Returns an `Outcome` to commit, or `Committed` if the step's own transaction has committed it.

        Whatever the handler raises becomes an outcome. Cancellation is passed on.
        """
