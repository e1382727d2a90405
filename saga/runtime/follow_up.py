"""Acts on commits: persist, then send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from saga.core.rules.decision import Decision
from saga.logger import Logger, get_logger
from saga.ports.clock import Clock
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.start import Start
from saga.runtime.bus.dispatcher import Dispatcher
from saga.runtime.claims.intake import Intake
from saga.runtime.claims.poll_requests import PollRequests
from saga.runtime.commit.end_log import EndLog
from saga.runtime.commit.end_waiters import EndWaiters
from saga.runtime.planning.commit_plan import CommitPlan
from saga.runtime.planning.handover import end_status, next_claim
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.planning.router import Router
from saga.runtime.planning.start_request import StartRequest
from saga.runtime.telemetry import Meter


@dataclass(slots=True)
class FollowUp:
    """Implements `AfterCommit` and `AfterStart`: hands over claims, publishes commands, reports ends.

    `active_at`: when something was committed last; a process that is active has heartbeats more often.
    """

    clock: Clock
    router: Router
    intake: Intake
    requests: PollRequests
    end_waiters: EndWaiters
    dispatcher: Dispatcher | None
    meter: Meter
    lease_seconds: float
    active_at: float = float("-inf")
    end_log: EndLog = field(default_factory=EndLog)
    _log: Logger = field(default_factory=lambda: get_logger("saga.process"))

    def committed(self, group: OutcomeGroup, plan: CommitPlan) -> None:
        """Never raises: the commit is made, and those of the other sagas in its batch are to be followed up too."""
        try:
            self._follow(group, plan)
        except Exception:  # noqa: BLE001 (see above)
            self._log.exception("follow-up of a commit failed, polling instead", saga=str(group.saga))
            self.requests.poll(everything=True)

    def _follow(self, group: OutcomeGroup, plan: CommitPlan) -> None:
        self.active_at = self.clock.monotonic()
        self.meter.committed(group, plan)
        self._hand_over(group, plan)
        for service, seconds in plan.timers:
            if service in self.router.own_services:
                self.requests.poll_in(seconds)
        if plan.messages and self.dispatcher is not None:
            self.dispatcher.publish(group, plan.messages)
        if plan.is_ending:
            self._report_end(group, plan)

    def started(self, request: StartRequest, decision: Decision, start: Start) -> None:
        self.active_at = self.clock.monotonic()
        if self.dispatcher is not None:
            self.dispatcher.publish_first(request, decision, start)

    def handed_over(self, claims: Sequence[Claim]) -> None:
        self.intake.add(claims)

    def recovered(self) -> None:
        self.requests.poll(everything=True)

    def _hand_over(self, group: OutcomeGroup, plan: CommitPlan) -> None:
        lease_ends = plan.sent_at + self.lease_seconds
        claims: list[Claim] = []
        refs: list[CommandRef] = []
        for dispatch in plan.handovers:
            found = next_claim(group, plan, dispatch, lease_ends)
            claims.append(found) if isinstance(found, Claim) else refs.append(found)
        self.requests.room_freed()
        if claims:
            self.intake.add(claims)
        if refs:
            self.requests.fetch(refs)

    def _report_end(self, group: OutcomeGroup, plan: CommitPlan) -> None:
        self.end_log.ended(group.saga, group.graph.name, plan.write.state)
        if group.waiter == self.router.identity.number:
            self.end_waiters.ended(group.saga, end_status(group, plan))
