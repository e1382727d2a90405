"""Protocols by which the committer and the starter report to the rest of the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from saga.core.rules.decision import Decision
from saga.ports.values.claim import Claim
from saga.ports.values.start import Start
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.start_request import StartRequest


class AfterCommit(Protocol):
    """Persist, then send: these are called only after the store has committed. Implemented by `saga.runtime.follow_up.FollowUp`."""

    def committed(self, group: OutcomeGroup, plan: CommitPlan) -> None:
        """The outcomes of one saga are committed."""

    def recovered(self) -> None:
        """A commit whose answer was lost may have made claims for this process."""


class AfterStart(Protocol):
    """The same for starts. Implemented by `saga.runtime.follow_up.FollowUp`."""

    def started(self, request: StartRequest, decision: Decision, start: Start) -> None:
        """One saga was started: `start` is what was written."""

    def handed_over(self, claims: Sequence[Claim]) -> None:
        """The start has made these claims for this process."""

    def recovered(self) -> None:
        """A start whose answer was lost may have made claims for this process."""
