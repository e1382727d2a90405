from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.core.duration import DURATION_MS_MAX, Duration, duration_ms, duration_text
from saga.errors import UsageError


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        ("250ms", 250),
        ("10s", 10_000),
        ("2m", 120_000),
        ("1h30m", 5_400_000),
        ("1d", 86_400_000),
        ("1d2h3m4s5ms", 93_784_005),
        ("1.5h", 5_400_000),
        ("0.25s", 250),
        (" 1h 30m ", 5_400_000),
        ("0s", 0),
    ],
)
def test_a_text_is_read_unit_by_unit(written: str, milliseconds: int) -> None:
    assert duration_ms(written) == milliseconds


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        (10, 10_000),
        (0, 0),
        (0.5, 500),
        (0.1 + 0.2, 300),
        (timedelta(minutes=2), 120_000),
        (timedelta(days=1), 86_400_000),
    ],
)
def test_numbers_are_seconds_and_timedeltas_are_themselves(written: Duration, milliseconds: int) -> None:
    assert duration_ms(written) == milliseconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "  ",
        "10",
        "s",
        "10 seconds",
        "10S",
        "30m1h",
        "1h1h",
        "-5s",
        "1e3s",
        "1ms2",
        "1m2",
        "٣s",
        "five",
        "1,5s",
        "1.s",
    ],
)
def test_a_text_in_another_form_is_refused_by_name(written: str) -> None:
    with pytest.raises(UsageError, match="its form is unknown") as refusal:
        duration_ms(written)

    assert repr(written) in str(refusal.value)
    assert '"1h30m"' in str(refusal.value)


@pytest.mark.parametrize("written", [True, None, b"10s", ["10s"], 1 + 2j])
def test_another_type_is_refused_by_name(written: Duration) -> None:
    with pytest.raises(UsageError, match="is not a duration"):
        duration_ms(written)


@pytest.mark.parametrize("written", [-1, -0.5, timedelta(seconds=-1)])
def test_a_negative_duration_is_refused(written: Duration) -> None:
    with pytest.raises(UsageError, match="is not negative"):
        duration_ms(written)


@pytest.mark.parametrize("written", ["0.5ms", 0.0001, "0.0001s", timedelta(microseconds=10)])
def test_a_duration_finer_than_a_millisecond_is_refused(written: Duration) -> None:
    with pytest.raises(UsageError, match="finer than a millisecond"):
        duration_ms(written)


@pytest.mark.parametrize("written", [float("inf"), float("-inf"), float("nan")])
def test_a_duration_without_an_end_is_refused(written: float) -> None:
    with pytest.raises(UsageError, match="finite"):
        duration_ms(written)


@pytest.mark.parametrize("written", ["3651d", 10**400, 1e300, timedelta.max])
def test_a_duration_beyond_the_longest_is_refused(written: Duration) -> None:
    with pytest.raises(UsageError, match="the longest duration is 3650d"):
        duration_ms(written)


@given(st.integers(0, DURATION_MS_MAX))
def test_a_written_duration_is_read_back_as_it_was(milliseconds: int) -> None:
    assert duration_ms(duration_text(milliseconds)) == milliseconds


@given(st.integers(0, DURATION_MS_MAX))
def test_a_timedelta_is_as_long_as_its_milliseconds(milliseconds: int) -> None:
    assert duration_ms(timedelta(milliseconds=milliseconds)) == milliseconds


@given(st.text())
def test_no_text_raises_anything_but_a_usage_error(written: str) -> None:
    try:
        milliseconds = duration_ms(written)
    except UsageError:
        return

    assert 0 <= milliseconds <= DURATION_MS_MAX
