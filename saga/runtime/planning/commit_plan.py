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
    after that many seconds. `sent_at`: this process's clock before the commit was sent; leases count from then.

    An open plan is not to be committed. `doubts`: it depends on whether these steps were ever claimed; `lacks_facts`: a condition
    reads what this process does not know.
    """

    write: Write
    decision: Decision
    handovers: list[Dispatch] = []
    messages: list[Command] = []
    timers: list[tuple[str, float]] = []
    doubts: list[int] = []
    lacks_facts: bool = False
    is_ending: bool = False
    sent_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Returns whether the store has to be asked before it can be committed."""
        return self.lacks_facts or bool(self.doubts)


@dataclass(slots=True)
class Committed:
    """A step whose own transaction has committed its outcome. The notifications are still to be sent."""

    group: OutcomeGroup
    plan: CommitPlan
    notifications: Notifications = field(default_factory=Notifications)
