"""The answer to the question why a saga does not move on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from saga.inspection.instants import Instant, instant


class Situation(Enum):
    """The reason why a saga does not move on. Programs may rely on the values. The most urgent situation comes first."""

    PAUSED = "paused"
    QUARANTINED = "quarantined"
    PAST_DEADLINE = "past deadline"
    NOBODY_ALIVE = "nobody alive"
    RETRY_WAIT = "retry wait"
    WAITING = "waiting"
    RESOLVING = "resolving"
    VOIDING = "voiding"
    UNDOING = "undoing"
    FREEZING = "freezing"
    UNCLAIMED = "unclaimed"
    RUNNING = "running"
    BETWEEN = "between"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled back"
    ABANDONED = "abandoned"


_URGENCY: Final = {situation: place for place, situation in enumerate(Situation)}

Outlook = tuple[float | None, str]
"""When something happens without an operator (None: no time is known), and what."""

ONLY_AN_OPERATOR: Final[Outlook] = (None, "nothing happens without an operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answer for one saga. Times are in seconds since the epoch, on the store's clock.

    `waits_for` is None once the saga has ended. `outlook`: what happens next without an operator. `who`: the processes that can
    act. `remedy`: the command to type where an operator can act. `note`: anything else worth knowing.
    """

    situation: Situation
    step: str | None = None
    waits_for: str | None
    since: float
    outlook: Outlook
    who: tuple[str, ...] = ()
    remedy: str | None = None
    note: str | None = None

    @property
    def urgency(self) -> int:
        """Lower is more urgent."""
        return _URGENCY[self.situation]

    def document(self) -> Mapping[str, object]:
        """The answer as JSON. Names may be added to it, but not changed."""
        until, then = self.outlook
        return {
            "situation": self.situation.value,
            "step": self.step,
            "waits_for": self.waits_for,
            "since": Instant(self.since),
            "until": instant(until),
            "then": then,
            "who": list(self.who),
            "remedy": self.remedy,
            "note": self.note,
        }
