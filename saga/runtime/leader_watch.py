"""Decides whether this process may enforce deadlines."""

from __future__ import annotations

from typing import Final

from saga.ports.clock import Clock
from saga.ports.membership import Heartbeat

LEADER_SILENT_SECONDS: Final = 5.0
PAUSE_SECONDS_MIN: Final = 1.0


class LeaderWatch:
    """Deadlines and timeouts are enforced only while the store answers and a leader is seen.

    What passes during an outage of the store or of every leader may be the fault of the outage. Then the leader decides, and a leader that
    returns gets time to extend it first. An installation that has never had a leader has timeouts, and no deadlines.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.heartbeat_at: float = float("-inf")
        self._leader_seen_at = float("-inf")
        self._patient_until = float("-inf")

    def update(self, heartbeat: Heartbeat, sent_at: float) -> None:
        """Remembers a heartbeat that the store has answered.

        `sent_at` is when this process sent it: a process that was suspended meanwhile reads an answer that is long out of date.
        """
        self.heartbeat_at = sent_at
        if heartbeat.leader_seen_ago_seconds is not None:
            seen_at = sent_at - heartbeat.leader_seen_ago_seconds
            if LEADER_SILENT_SECONDS < seen_at - self._leader_seen_at < float("inf"):
                # The leader extends deadlines first
                self._patient_until = self._clock.monotonic() + LEADER_SILENT_SECONDS
            self._leader_seen_at = seen_at

    def is_leader_seen(self) -> bool:
        """Returns whether a leader was at work a moment ago, as the last heartbeat said."""
        return self._clock.monotonic() - self._leader_seen_at < LEADER_SILENT_SECONDS

    def is_deadline_enforced(self) -> bool:
        now = self._clock.monotonic()
        return self._silent_seconds(now) < LEADER_SILENT_SECONDS and now >= self._patient_until

    def timeout_pause(self, late_seconds: float) -> float:
        """Returns how long a timeout that passed this long ago has to wait before it is looked at again; 0: it counts.

        The leader extends it by its silence at least. So the pause ends before the extended timeout does, and most waits of a long silence
        are looked at rarely.
        """
        if self.heartbeat_at == float("-inf"):  # whether there is a leader is not known yet
            return PAUSE_SECONDS_MIN
        if self._leader_seen_at == float("-inf") or self.is_deadline_enforced():
            return 0.0
        return max(min(late_seconds, self._silent_seconds(self._clock.monotonic())), PAUSE_SECONDS_MIN)

    def _silent_seconds(self, now: float) -> float:
        return now - min(self.heartbeat_at, self._leader_seen_at)
