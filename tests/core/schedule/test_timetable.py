"""The moments of schedules: local times, also where clocks are set forward or back."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.core.schedule.moment import Moment, moment_at, read_moment
from saga.core.schedule.timetable import Timetable
from saga.errors import UsageError

BERLIN = "Europe/Berlin"


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def instant(text: str, zone: str = "UTC") -> float:
    return local(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def times(table: Timetable, since: str, count: int = 4) -> list[str]:
    moments = islice(table.after(None, instant(since, table.zone)), count)
    return [moment.aware.isoformat(timespec="minutes") for moment in moments]


def test_a_time_that_the_clocks_jump_over_comes_once_at_the_end_of_the_jump() -> None:
    found = times(Timetable(BERLIN, cron="30 2 * * *"), "2026-03-27T12:00", 3)

    assert found == ["2026-03-28T02:30+01:00", "2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]


def test_a_time_that_comes_twice_counts_once() -> None:
    found = times(Timetable(BERLIN, cron="30 2 * * *"), "2026-10-24T12:00", 2)

    assert found == ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]


def test_half_hours_go_on_in_real_time_when_the_clocks_are_set_back() -> None:
    table = Timetable(BERLIN, cron="*/30 * * * *")
    moments = list(islice(table.after(None, instant("2026-10-25T01:45", BERLIN)), 5))

    assert [second.instant - first.instant for first, second in pairwise(moments)] == [1800] * 4
    assert [moment.text for moment in moments[:3]] == [
        "2026-10-25T02:00[Europe/Berlin]#0",
        "2026-10-25T02:30[Europe/Berlin]#0",
        "2026-10-25T02:00[Europe/Berlin]#1",
    ]


def test_an_interval_is_counted_from_midnight_utc_or_from_its_start() -> None:
    assert times(Timetable(every="15m"), "2026-01-01T10:07", 2) == ["2026-01-01T10:15+00:00", "2026-01-01T10:30+00:00"]
    from_start = Timetable(every="15m", start="2026-01-01T10:05")
    assert times(from_start, "2026-01-01T09:00", 2) == ["2026-01-01T10:05+00:00", "2026-01-01T10:20+00:00"]


def test_an_interval_goes_on_in_real_time_when_the_clocks_jump() -> None:
    moments = list(islice(Timetable(BERLIN, every="1h").after(None, instant("2026-03-29T00:30", BERLIN)), 4))

    assert [moment.aware.hour for moment in moments] == [1, 3, 4, 5]
    assert [second.instant - first.instant for first, second in pairwise(moments)] == [3600] * 3


def test_a_month_that_is_too_short_has_the_moment_on_its_last_day() -> None:
    found = times(Timetable(BERLIN, every="1 month", start="2027-01-31T09:00"), "2027-01-01T00:00")

    assert found == [
        "2027-01-31T09:00+01:00",
        "2027-02-28T09:00+01:00",
        "2027-03-31T09:00+02:00",
        "2027-04-30T09:00+02:00",
    ]


def test_two_weeks_keep_the_time_of_day() -> None:
    found = times(Timetable(BERLIN, every="2 weeks", start="2026-03-20T08:00"), "2026-03-21T00:00", 2)

    assert found == ["2026-04-03T08:00+02:00", "2026-04-17T08:00+02:00"]


def test_a_leap_day_once_a_year() -> None:
    found = times(Timetable(every="1 year", start="2028-02-29T00:00"), "2028-01-01T00:00", 3)

    assert [text[:10] for text in found] == ["2028-02-29", "2029-02-28", "2030-02-28"]


def test_once_is_once() -> None:
    table = Timetable(BERLIN, at="2026-12-24T18:00")

    assert times(table, "2026-12-01T00:00") == ["2026-12-24T18:00+01:00"]
    assert times(table, "2026-12-24T18:00") == []


def test_nothing_counts_before_the_start_and_behind_the_end() -> None:
    table = Timetable(cron="0 12 * * *", start="2026-05-02T12:00", until="2026-05-03T12:00")

    assert times(table, "2026-01-01T00:00") == ["2026-05-02T12:00+00:00", "2026-05-03T12:00+00:00"]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (Timetable(), "one of cron=, every= and at=; it was given nothing"),
        (Timetable(cron="* * * * *", every="1h"), "it was given cron= and every="),
        (Timetable(cron="* * * *"), "does not have the five fields"),
        (Timetable(cron="* * * * * *"), "does not have the five fields"),
        (Timetable(cron="61 * * * *"), "is not a cron expression: Bad minute"),
        (Timetable(cron="0 0 30 2 *"), "is not a cron expression"),
        (Timetable(every="90m", zone="Mars/Olympus"), "zone='Mars/Olympus' is not a time zone"),
        (Timetable(every="500ms"), "is not between a second and a day"),
        (Timetable(every="36h"), 'write "1 day", "2 weeks"'),
        (Timetable(every="soon"), "cannot be used as a duration"),
        (Timetable(every="1 month"), "needs start="),
        (Timetable(every="0 days", start="2026-01-01T00:00"), "is not above zero"),
        (Timetable(at="tomorrow"), "at='tomorrow' is not a local time: write it as 2026-12-01T09:00"),
        (Timetable(at="2026-12-01T09:00+01:00"), "leave the offset out"),
        (Timetable(every="1h", start="noon"), "start='noon' is not a local time"),
        (Timetable(cron="0 0 1 1 *", start="2026-02-01T00:00", until="2026-03-01T00:00"), "has no moment at all"),
    ],
)
def test_a_timetable_that_cannot_be_kept_is_refused(table: Timetable, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        table.check()

    assert reason in str(refused.value)


ZONES = st.sampled_from(
    ["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"]
)
TABLES = st.one_of(
    st.builds(
        lambda zone, minute, hour: Timetable(zone, cron=f"{minute} {hour} * * *"),
        ZONES,
        st.integers(0, 59),
        st.integers(0, 23),
    ),
    st.builds(lambda zone, minutes: Timetable(zone, every=f"{minutes}m"), ZONES, st.integers(1, 1439)),
    st.builds(
        lambda zone, count, unit, at: Timetable(zone, every=f"{count} {unit}", start=at.isoformat()),
        ZONES,
        st.integers(1, 7),
        st.sampled_from(["days", "weeks", "months", "years"]),
        st.datetimes(local("2024-01-01"), local("2026-12-31")),
    ),
)


@settings(max_examples=60)
@given(table=TABLES, since=st.datetimes(local("2025-01-01"), local("2027-12-31")), cut=st.integers(0, 5))
def test_going_on_from_a_moment_gives_the_moments_behind_it(table: Timetable, since: datetime, cut: int) -> None:
    """No moment is lost, none comes twice, and each is read back as it was written."""
    begin = since.replace(tzinfo=ZoneInfo("UTC")).timestamp()
    moments = list(islice(table.after(None, begin), 8))
    instants = [moment.instant for moment in moments]

    assert instants == sorted(set(instants))
    assert all(at > begin for at in instants)
    assert list(islice(table.after(moments[cut], begin), 7 - cut)) == moments[cut + 1 :]
    assert [read_moment(moment.text) for moment in moments] == moments


@given(at=st.integers(0, 4_000_000_000), zone=ZONES)
def test_an_instant_has_one_moment(at: int, zone: str) -> None:
    moment = moment_at(float(at), zone)

    assert moment.instant == at
    assert moment_at(moment.instant, zone) == moment


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T00:00[UTC]", "2026-01-01T00:00[UTC]#2", "noon[UTC]#0"])
def test_a_text_that_is_not_a_moment_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_moment(text)


def test_the_same_local_time_is_the_same_moment_whatever_the_rules_of_its_zone_say() -> None:
    """Two processes may know different rules: what they have in common is the local time."""
    moment = Moment(local("2026-06-01T09:00"), BERLIN)

    assert moment.text == "2026-06-01T09:00[Europe/Berlin]#0"
    assert moment.aware.utcoffset() == timedelta(hours=2)
