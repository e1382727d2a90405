"""Any value is stored as a text that every database accepts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.core.text import TEXT_CHARS_MAX, class_name, storable


class Loud(str):
    """A text with methods of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __len__(self) -> int:
        raise RuntimeError

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError


class Silent:
    """Ends the process when its text is asked for."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Nameless(type):
    def __getattribute__(cls, name: str) -> Any:
        if name == "__name__":
            raise RuntimeError
        return super().__getattribute__(name)


class Odd(metaclass=Nameless):
    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("ошибка сети", "ошибка сети"),
        ("a\x00b", "a\\x00b"),
        ("half \ud800", "half \\ud800"),
        ("whole \U0001f600", "whole \U0001f600"),
        (402, "402"),
        (None, "None"),
        ({"code": 3}, "{'code': 3}"),
        (ValueError("card declined"), "card declined"),
        (Loud("loud"), "loud"),
        (Silent(), "Silent without a text"),
        (Odd(), "Odd without a text"),
    ],
    ids=[str(number) for number in range(12)],
)
def test_any_value_has_a_storable_text(value: object, text: str) -> None:
    found = storable(value)
    assert (found, type(found)) == (text, str)


def test_a_long_text_is_cut_off() -> None:
    assert storable("x" * 3_000_000) == "x" * (TEXT_CHARS_MAX - 1) + "…"
    assert len(storable("\x00" * 3_000_000)) == TEXT_CHARS_MAX
    assert storable("x" * TEXT_CHARS_MAX) == "x" * TEXT_CHARS_MAX


@given(st.text(alphabet=st.characters(codec=None, categories=None)))
def test_every_text_can_be_encoded_and_has_no_nul(text: str) -> None:
    found = storable(text)
    assert b"\x00" not in found.encode()
    assert len(found) <= TEXT_CHARS_MAX


def test_a_class_is_named_whatever_its_metaclass_does() -> None:
    assert class_name(Odd()) == "Odd"
