"""Timeouts that have passed, in a process that sees a leader, or does not."""

from __future__ import annotations

from saga.ports.membership import Heartbeat
from saga.runtime.leader_watch import LEADER_SILENT_SECONDS, PAUSE_SECONDS_MIN, LeaderWatch
from saga.testing.clocks.hand_clock import HandClock


def _heard(watch: LeaderWatch, ago_seconds: float | None, sent_at: float = 1_000.0) -> None:
    heartbeat = Heartbeat((), has_due=False, store_clock=0.0, leader_seen_ago_seconds=ago_seconds, released=0)
    watch.update(heartbeat, sent_at)


async def test_a_timeout_counts_where_there_was_never_a_leader() -> None:
    watch = LeaderWatch(HandClock(1_000.0))
    _heard(watch, None)

    assert watch.timeout_pause(60.0) == 0


async def test_a_timeout_waits_for_the_first_heartbeat_of_its_process() -> None:
    assert LeaderWatch(HandClock(1_000.0)).timeout_pause(60.0) == PAUSE_SECONDS_MIN


async def test_a_timeout_counts_while_a_leader_is_seen() -> None:
    watch = LeaderWatch(HandClock(1_000.0))
    _heard(watch, 0.5)

    assert watch.timeout_pause(60.0) == 0


async def test_a_timeout_waits_for_a_silent_leader_no_longer_than_it_will_be_extended() -> None:
    watch = LeaderWatch(HandClock(1_000.0))
    _heard(watch, 90.0)

    assert [watch.timeout_pause(late) for late in (0.0, 30.0, 9_000.0)] == [PAUSE_SECONDS_MIN, 30.0, 90.0]


async def test_a_leader_that_returns_has_time_to_extend_a_timeout() -> None:
    clock = HandClock(1_000.0)
    watch = LeaderWatch(clock)
    _heard(watch, 90.0)
    _heard(watch, 0.0)

    assert watch.timeout_pause(60.0) == PAUSE_SECONDS_MIN
    await clock.advance(LEADER_SILENT_SECONDS)
    _heard(watch, 0.0, sent_at=clock.monotonic())
    assert watch.timeout_pause(60.0) == 0


def test_an_answer_that_waited_for_its_suspended_process_shows_no_leader() -> None:
    watch = LeaderWatch(HandClock(1_000.0))
    _heard(watch, 0.5, sent_at=1_000.0 - LEADER_SILENT_SECONDS)

    assert not watch.is_leader_seen()
    assert not watch.is_deadline_enforced()
    assert watch.timeout_pause(60.0) > 0
