"""Conditions that are written to break something: they are refused, or they end soon with an answer."""

from __future__ import annotations

from typing import Final

import pytest

from saga.core.condition.condition import GROWTH_MAX, condition_fault, condition_of
from saga.core.condition.growth import growth
from saga.core.condition.paths_read import paths_read
from saga.core.definition.json_value import Json

DOUBLED: Final = "[input.x]" + ".map(a, [a, a, a, a, a, a, a, a])" * 9 + ".all(a, a == a)"
LENGTHENED: Final = "[input.s]" + ".map(a, a + a + a + a + a + a + a + a)" * 9 + ".all(a, a == '')"
INPUT: Final[Json] = {"x": 1, "s": "a" * 10_000, "l": list(range(1_000)), "n": 2**53 - 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Syntax error"),
        ("(" * 900 + "true" + ")" * 900, "recursion limit"),
        ("[" * 500 + "]" * 500 + " == input.x", "recursion limit"),
        ("input.x == " + "9" * 1_900, "invalid int literal"),
        ("input[1²] == 1", "token recognition error"),
        ("input.x == '\ud800'", "unpaired surrogate"),
        ("'''" * 600, "Syntax error"),
        ("true || " * 250 + "true", "characters"),
        (DOUBLED, "times as large"),
        (LENGTHENED, "times as large"),
        (5, "neither a comparison nor a text in CEL"),
        (None, "neither a comparison nor a text in CEL"),
    ],
)
def test_it_is_refused_where_it_is_written(text: object, words: str) -> None:
    assert words in (condition_fault(text) or "")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("!" * 900 + "(input.x == 1)", True),
        ("input.l.all(a, input.l.all(b, a + b >= 0))", "Iteration budget exceeded"),
        ("input.s.matches('(a+)+(a+)+(a+)+$b')", False),
        ("input.s.matches('((a{1,100}){1,100}){1,100}')", "invalid regular expression"),
        ("input.n * input.n * input.n > 1", "integer overflow"),
        ("1 / 0 == input.x", "divide by zero"),
    ],
)
def test_it_ends_soon_with_an_answer(text: str, answer: bool | str) -> None:  # noqa: FBT001 (what it evaluates to)
    assert condition_fault(text) is None

    found = condition_of(text).evaluate([INPUT])

    assert found is answer if isinstance(answer, bool) else answer in str(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("input.cents > 1 && input.country in ['NO', 'SE']", 2),
        ("input.l.exists(each, each in ['NO', 'SE', 'DK']) && input.l.exists(each, each == 'FI')", 4),
        ("(input.a + input.b) * (input.a - input.b) > 0", 2),
        ("[input.x ? input.a : input.b, input.a + input.b].size() > 0", 3),
        ("input.l.map(a, a + a).map(a, [a, a, a]).size() > 0", 3 * 4),
        ("input.l.exists(a, input.l.exists(b, a + b == 1))", 4),
        ("input.a == '+ + +' || size([]) > 0", 1),
    ],
)
def test_macros_multiply_what_a_value_is_made_of(text: str, expected: int) -> None:
    assert condition_fault(text) is None
    assert growth(text) == expected <= GROWTH_MAX


def test_a_path_that_begins_with_a_dot_is_read_as_well() -> None:
    assert paths_read(".input.x == 1 && 1 in .input.l && .steps.a.output.input == 2") == (
        ("input", "x"),
        ("input", "l"),
        ("steps", "a", "output", "input"),
    )
    assert paths_read("input.steps.a == 1") == (("input", "steps", "a"),)
    assert condition_of("1 in .input.l && .input.x == 1").evaluate([{"l": [1], "x": 1}])
