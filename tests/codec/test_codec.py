"""A value that is written is read back equal, or refused when it is written, with its field and without the value."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretStr

from saga.codec.codec import SHORT_BYTES_MAX, Codec, Misfit, Unreadable, encode_untyped
from tests.codec import values


def kind_name(kind: Any) -> str:
    return str(getattr(kind, "__name__", "generic"))


@pytest.mark.parametrize("name", values.UNREADABLE)
def test_a_value_that_cannot_be_read_back_is_refused(name: str) -> None:
    kind, value, reason = values.UNREADABLE[name]

    with pytest.raises(Unreadable) as refusal:
        Codec(kind).encode(value)

    assert reason in str(refusal.value)
    assert "4242" not in str(refusal.value)


@pytest.mark.parametrize("name", values.READABLE)
def test_a_value_that_is_read_back_equal_is_written(name: str) -> None:
    kind, value = values.READABLE[name]
    codec = Codec(kind)

    read = codec.decode(codec.encode(value))

    assert type(read) is type(value)
    assert read == value or vars(read) == vars(value)


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (datetime, values.REPEATED, b'"2026-10-25T02:30:00+01:00"'),
        (datetime, values.SKIPPED, b'"2026-03-29T02:30:00+01:00"'),
        (dict[str, datetime], {"at": values.REPEATED}, b'{"at":"2026-10-25T02:30:00+01:00"}'),
        (
            values.Schedule,
            values.Schedule(first=values.Timed(at=values.REPEATED), later=[values.SKIPPED]),
            b'{"first":{"at":"2026-10-25T02:30:00+01:00"},"later":["2026-03-29T02:30:00+01:00"]}',
        ),
    ],
    ids=["repeated", "skipped", "dict", "model"],
)
def test_a_time_in_an_hour_that_the_clocks_repeat_or_skip_is_written(kind: Any, value: Any, written: bytes) -> None:
    assert Codec(kind).encode(value) == written


@pytest.mark.parametrize(
    ("kind", "value", "place"),
    [
        (datetime, values.OLD, "value"),
        (values.Timed, values.Timed(at=values.OLD), "at"),
        (tuple[datetime, datetime], (values.REPEATED, values.OLD), "1"),
    ],
    ids=["datetime", "model", "tuple"],
)
def test_a_datetime_whose_offset_loses_its_seconds_is_refused(kind: Any, value: Any, place: str) -> None:
    with pytest.raises(Unreadable, match=f"^{place}: it is read back as another value"):
        Codec(kind).encode(value)


@pytest.mark.parametrize("kind", values.UNREADABLE_TYPES, ids=kind_name)
def test_a_type_that_cannot_be_read_back_has_a_fault(kind: Any) -> None:
    (fault,) = Codec(kind).faults

    assert re.match(values.UNREADABLE_TYPES[kind], fault)


@pytest.mark.parametrize("kind", values.USABLE_TYPES, ids=kind_name)
def test_a_usable_type_has_no_fault(kind: Any) -> None:
    assert Codec(kind).faults == ()


def test_a_value_that_is_of_another_type_is_a_misfit() -> None:
    with pytest.raises(Misfit, match=r"sku: Input should be a valid string; count: Input should be a valid integer"):
        Codec(values.Plain).encode({"sku": 1, "count": "many"})


@pytest.mark.parametrize("data", [b"[", b"[1]", b'{"sku": 1}'])
def test_json_of_another_type_is_a_misfit(data: bytes) -> None:
    with pytest.raises(Misfit):
        Codec(values.Plain).decode(data)


def test_an_instance_that_was_changed_to_another_type_is_a_misfit() -> None:
    with pytest.raises(Misfit, match="count"):
        Codec(values.Plain).encode(values.changed(values.Plain(sku="a"), count="many"))


class Flat(BaseModel):
    text: str
    number: int | None = None
    truth: bool = True
    id: UUID
    day: date = Field(default_factory=date.today)
    names: list[str] = []


class Counted(Codec):
    """Counts how often a value is read back."""

    checks = 0

    def _check(self, value: Any, data: bytes) -> None:
        self.checks += 1
        super()._check(value, data)


@pytest.mark.parametrize(
    ("kind", "value", "checks"),
    [
        (Flat, Flat(text="a", id=UUID(int=1)), 0),
        (values.Plain | None, values.Plain(sku="a"), 0),
        (str | None, "text", 0),
        (int, 7, 0),
        (None, None, 0),
        (values.Plain, values.Plain(sku="a" * SHORT_BYTES_MAX), 0),
        (values.Plain, values.Plain(sku="a", count=10**SHORT_BYTES_MAX), 1),
        (values.Listed, values.Listed(names=[["a" * SHORT_BYTES_MAX, None]]), 0),
        (Flat, Flat(text="a" * SHORT_BYTES_MAX, id=UUID(int=1)), 0),
        (values.Holder, values.Holder(held=values.Base(id=1)), 1),
        (values.One, values.One(held=values.Base(id=1)), 1),
        (values.Many, values.Many(held=[values.Plain(sku="a")]), 1),
        (values.Short, values.Short(sku="a"), 1),
        (values.Listed, values.Listed(names=[["a", None]]), 0),
        (values.Timed, values.Timed(at=values.SKIPPED), 1),
        (float, 1.5, 1),
        (list[int], [1], 1),
        (Any, {"a": 1}, 1),
    ],
)
def test_only_values_that_could_be_lost_are_read_back(kind: Any, value: Any, checks: int) -> None:
    codec = Counted(kind)

    codec.encode(value)

    assert codec.checks == checks


# -- values for readers with types of their own -------------------------------------------------------------------------


def test_an_untyped_value_is_written_as_its_readers_read_it() -> None:
    assert encode_untyped({"id": UUID(int=1), "pair": (1, 2), "none": None}) == (
        b'{"id":"00000000-0000-0000-0000-000000000001","pair":[1,2],"none":null}'
    )
    assert encode_untyped(values.Aliased(chargeId="c")) == b'{"chargeId":"c"}'
    assert encode_untyped({"note": "**********", "names": [None]}) == b'{"note":"**********","names":[null]}'


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"rate": float("inf")}, "rate: inf is not a JSON number"),
        ({"lines": [{"card": SecretStr("4242")}]}, "lines.0.card is a secret"),
        (values.Paid(card=SecretStr("4242")), "card is a secret"),
        ({"order": values.Paid(card=SecretStr("4242"))}, "order.card is a secret"),
        (values.ExcludedWithDefault(id="1", note="t"), "note: it is read back as another value"),
        (values.Wallet(SecretStr("4242")), "card is a secret"),
    ],
)
def test_what_no_reader_could_read_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        encode_untyped(value)

    assert reason in str(refusal.value)
    assert "4242" not in str(refusal.value)


@pytest.mark.parametrize("value", [object(), values.deep(5_000), {object(): 1}], ids=["object", "deep", "key"])
def test_what_has_no_json_form_is_a_misfit(value: Any) -> None:
    with pytest.raises(Misfit):
        encode_untyped(value)
