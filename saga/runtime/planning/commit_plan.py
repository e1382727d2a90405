"""The plan of one saga's part of a commit."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from saga.core.rules.decision import Command, Decision
from saga.ports.values.notification import Notifications
from saga.ports.values.write import Dispatch, Write
from saga.runtime.planning.outcome_group import OutcomeGroup


class CommitPlan(Struct):
    """A write, and what this process does once it is committed.

    `handovers`: commands for this process itself; `messages`: commands for the bus; `timers`: services whose queues have a command due
    after that many seconds. `doubts`: if not empty, the plan is not to be committed: it depends on whether these steps were ever
    claimed. `sent_at`: this process's clock before the commit was sent; leases count from then.
    """

    write: Write
    decision: Decision
    handovers: list[Dispatch] = []
    messages: list[Command] = []
    timers: list[tuple[str, float]] = []
    doubts: list[int] = []
    is_ending: bool = False
    sent_at: float = 0.0


@dataclass(slots=True)
class Committed:
    """A step whose own transaction has committed its outcome. The notifications are still to be sent."""

    group: OutcomeGroup
    plan: CommitPlan
    notifications: Notifications = field(default_factory=Notifications)
