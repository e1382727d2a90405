"""Decides whether this process may enforce deadlines."""

from __future__ import annotations

from typing import Final

from saga.ports.clock import Clock
from saga.ports.membership import Heartbeat

LEADER_SILENT_SECONDS: Final = 5.0


class LeaderWatch:
    """Deadlines are enforced only while the store answers and a leader is seen.

    A deadline that passes during an outage of the store or of every leader may be the fault of the outage. Then the leader decides, and a
    leader that returns gets time to extend deadlines first.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.heartbeat_at: float = float("-inf")
        self._leader_seen_at = float("-inf")
        self._patient_until = float("-inf")

    def update(self, heartbeat: Heartbeat) -> None:
        """Remembers the heartbeat that the store has just answered."""
        now = self._clock.monotonic()
        self.heartbeat_at = now
        if heartbeat.leader_seen_ago_seconds is not None:
            seen_at = now - heartbeat.leader_seen_ago_seconds
            if LEADER_SILENT_SECONDS < seen_at - self._leader_seen_at < float("inf"):
                self._patient_until = now + LEADER_SILENT_SECONDS  # the leader extends deadlines first
            self._leader_seen_at = seen_at

    def is_leader_seen(self) -> bool:
        """Returns whether a leader was at work a moment ago, as the last heartbeat said."""
        return self._clock.monotonic() - self._leader_seen_at < LEADER_SILENT_SECONDS

    def is_deadline_enforced(self) -> bool:
        now = self._clock.monotonic()
        silence = now - min(self.heartbeat_at, self._leader_seen_at)
        return silence < LEADER_SILENT_SECONDS and now >= self._patient_until
