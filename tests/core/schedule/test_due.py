"""The moments that have come: none is lost, none is started twice, whatever the policies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.core.schedule.due import BUSY, LATE, MOMENTS_MAX, NEWER, STARTS_MAX, Due, due
from saga.core.schedule.moment import Moment
from saga.core.schedule.spec import CatchUp, Overlap, ScheduleSpec
from saga.core.schedule.timetable import Timetable

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
HOUR = 3600.0


def spec(every: str = "1h", **fields: Any) -> ScheduleSpec:
    return ScheduleSpec("report", Timetable(every=every), **fields)


def at(hour: int) -> Moment:
    return Moment(datetime.fromisoformat(f"2026-01-01T{hour:02}:00"), "UTC")


def decide(chosen: ScheduleSpec, hours: float, *, is_busy: bool = False) -> Due:
    """Looks this many hours after noon; noon itself was the last moment that was dealt with."""
    return due("nightly", chosen, at(12), NOON, NOON + hours * HOUR, is_busy=is_busy)


def hours(found: Due) -> list[int]:
    return [moment.local.hour for moment in found.starts]


def missed(found: Due) -> list[tuple[int, int, str]]:
    return [(line.first.local.hour, line.times, line.why) for line in found.missed]


def test_nothing_has_come() -> None:
    assert decide(spec(), 0.5) == Due((), (), at(12), replaces=False, next_at=NOON + HOUR)


def test_a_moment_that_has_come_is_started_and_the_next_is_looked_for() -> None:
    assert decide(spec(), 1) == Due((at(13),), (), at(13), replaces=False, next_at=NOON + 2 * HOUR)


def test_the_last_of_several_is_started_and_the_others_are_missed() -> None:
    found = decide(spec(), 3.5)

    assert (hours(found), missed(found), found.last) == ([15], [(13, 2, NEWER)], at(15))


def test_all_are_started_side_by_side() -> None:
    assert hours(decide(spec(catch_up="all", overlap="start"), 3.5)) == [13, 14, 15]


def test_all_one_after_the_other() -> None:
    """The others are not missed: they follow when the first has ended."""
    found = decide(spec(catch_up="all", overlap="wait"), 3.5)

    assert (hours(found), missed(found), found.last, found.next_at) == ([13], [], at(13), NOON + 3.5 * HOUR)


def test_all_but_those_that_come_while_the_first_runs() -> None:
    found = decide(spec(catch_up="all"), 3.5)

    assert (hours(found), missed(found)) == ([13], [(14, 2, BUSY)])


def test_none_that_nobody_kept_in_time() -> None:
    found = decide(spec(catch_up="none"), 3.005)

    assert (hours(found), missed(found)) == ([15], [(13, 2, LATE)])
    assert missed(decide(spec(catch_up="none"), 3.5)) == [(13, 3, LATE)]


def test_none_that_is_longer_ago_than_it_may_be() -> None:
    found = decide(spec(within="90m", catch_up="all", overlap="start"), 3.25)

    assert (hours(found), missed(found)) == ([14, 15], [(13, 1, LATE)])


def test_a_moment_is_skipped_while_the_saga_before_goes_on() -> None:
    found = decide(spec(), 1, is_busy=True)

    assert (hours(found), missed(found), found.last) == ([], [(13, 1, BUSY)], at(13))


@pytest.mark.parametrize("overlap", ["wait", "replace"])
def test_a_moment_waits_for_the_saga_before(overlap: Overlap) -> None:
    waits = decide(spec(overlap=overlap), 2.5, is_busy=True)
    after = decide(spec(overlap=overlap), 3.5)

    assert waits == Due((), (), at(12), replaces=overlap == "replace", next_at=NOON + 2.5 * HOUR)
    assert (hours(after), missed(after)) == ([15], [(13, 2, NEWER)])


def test_a_backlog_is_dealt_with_in_parts() -> None:
    seconds = spec("1s", catch_up="all", overlap="start")
    first = decide(seconds, 1)
    rest = due("nightly", seconds, first.last, NOON, NOON + HOUR, is_busy=True)

    assert len(first.starts) == STARTS_MAX
    assert first.next_at == NOON + HOUR
    assert rest.starts[0].instant == first.starts[-1].instant + 1


def test_only_the_very_last_of_a_long_backlog_is_started() -> None:
    first = decide(spec("1s"), 3)
    assert (first.starts, first.missed[0].times) == ((), MOMENTS_MAX)
    second = due("nightly", spec("1s"), first.last, NOON, NOON + 3 * HOUR, is_busy=False)

    assert hours(second) == [15]
    assert second.missed[0].times == 3 * 3600 - MOMENTS_MAX - 1


def test_the_jitter_of_a_moment_is_the_same_for_every_process_and_evenly_spread() -> None:
    spread = spec(jitter="30m")
    late = [spread.due_at("nightly", at(hour)) - at(hour).instant for hour in range(24)]

    assert all(0 <= seconds < 1800 for seconds in late)
    assert max(late) - min(late) > 900
    assert late == [spread.due_at("nightly", at(hour)) - at(hour).instant for hour in range(24)]
    assert decide(spread, 1).starts == ()


def test_a_schedule_without_further_moments_is_not_looked_at_again() -> None:
    once = ScheduleSpec("report", Timetable(at="2026-01-01T13:00"))
    found = due("once", once, None, NOON, NOON + HOUR, is_busy=False)

    assert (hours(found), found.next_at) == ([13], None)


@settings(max_examples=150)
@given(
    overlap=st.sampled_from(get_args(Overlap)),
    catch_up=st.sampled_from(get_args(CatchUp)),
    within=st.sampled_from([None, "30m", "3h"]),
    jitter=st.sampled_from([None, "20m", "2h"]),
    looks=st.lists(st.tuples(st.integers(1, 400), st.booleans()), min_size=1, max_size=8),
)
def test_each_moment_is_started_or_missed_once(
    overlap: Overlap, catch_up: CatchUp, within: str | None, jitter: str | None, looks: list[tuple[int, bool]]
) -> None:
    """Whenever leaders look, and whether a saga runs then or not."""
    chosen = spec("20m", overlap=overlap, catch_up=catch_up, within=within, jitter=jitter)
    last, now, dealt_with = at(12), NOON, 0
    started: list[Moment] = []
    for minutes, is_busy in [*looks, (1, False), (1, False)]:
        now += 60 * minutes
        found = due("nightly", chosen, last, NOON, now, is_busy=is_busy)
        assert not (is_busy and found.starts) or overlap == "start"
        assert found.last is not None
        started += found.starts
        dealt_with += len(found.starts) + sum(line.times for line in found.missed)
        last = found.last

    assert len(set(started)) == len(started)
    assert dealt_with == round((last.instant - NOON) / 1200)
    assert all(moment.instant <= now for moment in started)
