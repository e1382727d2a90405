"""The query language by itself: what is written is read back, and the store's filter never loses a saga that passes."""

from __future__ import annotations

from contextlib import suppress
from fnmatch import fnmatchcase
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga.core.state.phase import Phase
from saga.errors import UsageError
from saga.inspection.query.names import IS, NAMES
from saga.inspection.query.narrowing import narrowed
from saga.inspection.query.parser import parse
from saga.inspection.query.terms import Term, Value, quoted
from saga.ports.values.scan import Among

NOW = 1_800_000_000.0
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


@st.composite
def terms(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(("definition", "key", "service", "step", "reason", "process", "tag")))
    argument = f".{quoted(draw(TEXT), also=':.')}" if name == "tag" else ""
    values = ",".join(quoted(text) for text in draw(st.lists(TEXT, min_size=1, max_size=3)))
    return f"{draw(st.sampled_from(('', '-')))}{name}{argument}:{values}"


@settings(max_examples=100, deadline=None)
@given(st.lists(terms(), max_size=4))
def test_a_query_is_read_back_as_it_is_written(parts: list[str]) -> None:
    query = parse(" ".join(parts), NOW)

    assert parse(str(query), NOW) == query
    assert len(query.terms) == len(parts)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('is:stuck age>=<,"\\- tag.x10m\0é'), max_size=40))
def test_any_text_is_a_query_or_is_refused(text: str) -> None:
    with suppress(UsageError):
        query = parse(text, NOW)
        assert parse(str(query), NOW) == query


@settings(max_examples=300, deadline=None)
@given(st.text("aAb*", min_size=1, max_size=8), st.text("aAb\n", max_size=12))
def test_stars_stand_for_any_characters(pattern: str, text: str) -> None:
    assert Value(pattern).fits(text) == fnmatchcase(text, pattern)
    assert Value(pattern, is_part=True).fits(text) == fnmatchcase(text.lower(), f"*{pattern.lower()}*")


@pytest.mark.parametrize("is_part", [False, True])
def test_many_stars_do_not_take_longer_than_the_text(*, is_part: bool) -> None:
    value = Value("a*" * 100 + "b", is_part=is_part)

    assert not value.fits("a" * 5_000)
    assert value.fits("a" * 5_000 + "b")


@pytest.mark.parametrize(
    ("text", "fits", "does_not"),
    [
        ("definition:ord*", "order", "my-order"),
        ("definition:*der", "order", "orders"),
        ("reason:DECLINED", "card declined, twice", "card expired"),
        ('reason:"a.c"', "xa.cx", "abc"),
        ("key:>5", ">5", "6"),
        ("attempts:>=3", 3.0, 2.0),
        ("attempts:3", 3.0, 4.0),
        ("age:10m", 600.0, 599.0),
        ("age:<10m", 599.0, 600.0),
        ("started:2027-01-15T08:00", 1_800_000_000.0, 1_799_999_999.0),
        ("deadline:<+10m", NOW + 599, NOW + 601),
        ("ended:>-1h", NOW - 3_599, NOW - 3_601),
    ],
)
def test_what_fits_a_value(text: str, fits: str | float, does_not: str | float) -> None:
    term = one(text)

    assert term.holds([does_not, fits])
    assert not term.holds([does_not])
    assert not one(f"-{text}").holds([fits])
    assert one(f"-{text}").holds([])


@pytest.mark.parametrize(
    ("text", "among"),
    [
        ("", Among.ALL),
        ("definition:order", Among.ALL),
        ("is:stuck", Among.PARKED),
        ("is:stuck,retrying", Among.LIVE),
        ("why:retry-wait", Among.DELAYED),
        ("phase:running", Among.LIVE),
        ("phase:running,completed", Among.ALL),
        ("-is:ended", Among.LIVE),
        ("-is:ended is:stuck", Among.PARKED),
        ("-is:stuck", Among.ALL),
        ("is:ended", Among.ALL),
        ("service:payments", Among.LIVE),
        ("step:charge", Among.LIVE),
        ("event:review", Among.LIVE),
        ("step.charge:succeeded", Among.ALL),
        ("state:quarantined", Among.PARKED),
        ("state:succeeded", Among.ALL),
    ],
)
def test_the_smallest_indexed_set_that_has_every_match(text: str, among: Among) -> None:
    assert narrowed(parse(text, NOW), NOW).among is among


def test_what_the_store_filters_by_itself() -> None:
    saga = UUID(int=7)
    text = f'id:{saga} key:a,b definition:order phase:running tag.region:eu reason:"declined" is:stuck age:>1h started:>-2h'

    scan = narrowed(parse(text, NOW), NOW)

    assert (scan.ids, scan.keys, scan.definitions) == (frozenset((saga,)), frozenset("ab"), frozenset(("order",)))
    assert scan.phases == frozenset((Phase.RUNNING,))
    assert (scan.tags, scan.reason, scan.is_stuck) == ((("region", "eu"),), "declined", True)
    assert scan.started_from == pytest.approx(NOW - 7200, abs=2)
    assert scan.started_until == pytest.approx(NOW - 3600, abs=2)


def test_what_only_the_query_itself_can_judge_is_left_to_it() -> None:
    scan = narrowed(parse("definition:ord* -phase:running tag.region:eu,us key:a* reason:a* age:>1h,<5m", NOW), NOW)

    assert (scan.definitions, scan.phases, scan.tags, scan.keys, scan.reason) == (None, None, (), None, None)
    assert (scan.started_from, scan.started_until) == (None, None)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_refused_with_a_value_that_it_does_not_take_or_takes_any_text(name: str) -> None:
    text = f"{name}.x:" if name == "tag" else f"{name}:"

    with pytest.raises(UsageError, match="is not a value"):
        parse(text, NOW)


def test_the_words_of_is_are_listed() -> None:
    with pytest.raises(UsageError, match=", ".join(IS)):
        parse("is:nothing", NOW)


def one(text: str) -> Term:
    (term,) = parse(text, NOW).terms
    return term
