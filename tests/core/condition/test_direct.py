"""Python answers conditions as the library does, or leaves the answer to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.json import encode

from saga.authoring import Condition as Written
from saga.authoring import Definition, StepHandle
from saga.core.condition.cel import CompileError, Outcome, compiled
from saga.core.condition.cells import ABSENT, INPUT, values_of
from saga.core.condition.condition import CONDITION_CHARS_MAX, Condition, condition_of
from saga.core.condition.direct import NESTING_MAX
from saga.core.condition.facts import THE_INPUT, Facts, FactsMissingError
from saga.core.condition.question import Question
from saga.core.definition.json_value import Json
from saga.history import plan_of
from saga.history.recorded import Recorded
from tests.core.graphs import chain
from tests.history.branch_pairs import STARTED
from tests.history.handwritten import chronicle, transitions

UNHURRIED: Final = settings(deadline=None, max_examples=60)  # the first condition loads the library
LIBRARY: Final = object()
"""Python leaves the answer to the library."""
NAMES: Final = ("cents", "sku", "lines", "the id", "é")
ROOTS: Final = ("input", "steps.a.output", "steps.b.reason", "steps.a.succeeded")


def texts_of(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    """The parts one behind the other."""
    found = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*found).map("".join)


scalar_values: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2, 2**53 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30]),
    st.sampled_from([0.0, -0.0, 1.0, 0.5, 2.0**53, 2.0**63, -1e300]),
    st.sampled_from(["", "a", "b", "B", "é", "a\x00b", "😀", "￿", "cents"]),
)
values: Final = st.recursive(
    scalar_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, "sku\x00"]), inner),
    max_leaves=6,
)
objects: Final = st.dictionaries(st.sampled_from(NAMES), values, min_size=1)
literals: Final = st.sampled_from(
    ['0', '1', '-1', '2', '9007199254740991', '9007199254740992', '0.5', '-1.0', '1u', '0x1', '1e2', '"a"', "'b'", r'"\u00e9"',
     r'"\x41"', '""', '"😀"', 'true', 'false', 'null', '[]', '[1, "a", null]', '[0.5, -1,]', '["cents", [1]]', '{"a": 1}']
)  # fmt: skip
parts: Final = st.sampled_from(
    [".cents", ".sku", ".lines", '["the id"]', '["é"]', "['sku']", "[0]", "[1]", ".lines[0]"]
)
paths: Final = texts_of(st.sampled_from(ROOTS), st.lists(parts, max_size=2).map("".join))
operands: Final[st.SearchStrategy[str]] = st.deferred(
    lambda: st.one_of(
        paths,
        literals,
        texts_of("size(", paths, ")"),
        texts_of("(", expressions, " ? ", operands, " : ", operands, ")"),
    )
)
relations: Final = texts_of(operands, st.sampled_from([" == ", " != ", " < ", " <= ", " > ", " >= ", " in "]), operands)
presences: Final = texts_of("has(", paths, ".cents)") | st.just("has(steps.a.output)") | texts_of('"sku" in ', paths)
expressions: Final[st.SearchStrategy[str]] = st.recursive(
    relations | presences | paths,
    lambda inner: st.one_of(
        texts_of("(", inner, ") && (", inner, ")"),
        texts_of(inner, " || ", inner, " && ", inner),
        texts_of("!(", inner, ")"),
        texts_of("!", inner),
        texts_of(inner, " ? ", inner, " : ", inner),
    ),
    max_leaves=4,
)
conditions: Final = expressions | texts_of("(", expressions, ") == true")


def cells_of(condition: Condition, given_input: Json, output: Json, reason: Json) -> list[Json]:
    """Values for what a condition reads. An output or a reason may be absent."""
    found = {"input": given_input, "output": output, "reason": reason, "succeeded": output is not ABSENT}
    return [found[str(root[-1])] for root in condition.roots]


def said_directly(condition: Condition, cells: list[Json]) -> object:
    """The answer of Python alone."""
    if condition.direct is None:
        return LIBRARY
    try:
        return condition.direct(cells)
    except (LookupError, TypeError):
        return LIBRARY


@UNHURRIED
@given(conditions, objects | values, st.just(ABSENT) | objects | values, st.sampled_from([ABSENT, None, "declined"]))
def test_what_python_says_the_library_says_too(text: str, given_input: Json, output: Json, reason: Json) -> None:
    condition = readable(text)
    cells = cells_of(condition, given_input, output, reason)
    assume(not any(map(has_nul, cells)))

    said = said_directly(condition, cells)

    assert said is LIBRARY or said is compiled(text, is_bool=True)(values_of(condition.roots, cells))


def readable(text: str) -> Condition:
    try:
        return Condition(text)
    except CompileError:
        reject()


def has_nul(value: Json) -> bool:
    return value is not ABSENT and rb"\u0000" in encode(value)


class Order(Struct):
    """An input with a field of each kind."""

    cents: int
    share: float
    sku: str
    is_gift: bool
    note: str | None
    tags: list[str]


RECORDED: Final = {"cents": 500, "share": 0.5, "sku": "bolt", "is_gift": False, "note": None, "tags": ["a", "b"]}
WRITTEN: Final[tuple[tuple[Callable[[Definition[Order], StepHandle], Written], bool], ...]] = (
    (lambda d, _: d.input.cents > 100, True),
    (lambda d, _: d.input.cents <= 0.5, False),
    (lambda d, _: (d.input.share < 1) & (d.input.sku == "bolt") & ~(d.input.sku == "nut"), True),
    (lambda d, _: (d.input.is_gift == True) | (d.input.note != None), False),  # noqa: E711, E712 (recorded)
    (lambda d, _: d.input.sku.is_in(["nut", "bolt"]), True),
    (lambda d, _: d.input.cents.is_in([1, 2, 3]), False),
    (lambda d, _: d.input.note.or_("none") == "none", True),
    (lambda d, _: d.input.tags[1].or_("") == "b", True),
    (lambda d, _: d.input.tags[2].or_("") == "b", False),
    (lambda _, a: a.output.or_("absent") == "absent", False),
    (lambda d, a: a.output.risk.or_(0.0) > d.input.share, True),
    (lambda _, a: a.succeeded & ~a.skipped & ~a.rejected, True),
    (lambda _, a: a.reason.or_("") == "declined", False),
)


@pytest.mark.parametrize("at", range(len(WRITTEN)))
def test_recorded_conditions_need_no_library(at: int) -> None:
    definition = Definition("order", input=Order)
    step = definition.step("bank.ask", name="a", handled=True, when=definition.input.cents > 0)
    write, holds = WRITTEN[at]
    condition = condition_of(write(definition, step).text)
    words = {"output": {"risk": 0.9}, "succeeded": True, "skipped": False, "rejected": False}
    cells = [RECORDED if root == INPUT else words.get(str(root[2]), ABSENT) for root in condition.roots]

    assert said_directly(condition, cells) is holds


@pytest.mark.parametrize(
    ("text", "given_input"),
    [
        ("input.cents > 1", {"sku": "bolt"}),
        ("input.cents > 1", {"cents": "2"}),
        ("input.cents > 1", {"cents": 2**53}),
        ("input.cents == 9007199254740993", {"cents": 9007199254740992.0}),
        ("input.cents > 1u", {"cents": 2}),
        ("input.tags == [1]", {"tags": [1]}),
        ("input.tags.exists(tag, tag == 1)", {"tags": [1]}),
        ("size(input.sku) > 1", {"sku": "bolt"}),
        ("input.cents + 1 > 2", {"cents": 2}),
        ("input.cents > 1 == true", {"cents": 2}),
        ("has(input.order.cents)", {"order": None}),
        ("input.sku == '''bolt'''", {"sku": "bolt"}),
        (r'input.sku == "\x41"', {"sku": "A"}),
        (f"{'(' * NESTING_MAX}1 < 2{')' * NESTING_MAX}", {}),
        (f"{'!' * NESTING_MAX}(1 < 2)", {}),
    ],
)
def test_what_python_is_not_certain_of_the_library_answers(text: str, given_input: Json) -> None:
    condition = Condition(text)
    cells = [given_input for _ in condition.roots]

    assert said_directly(condition, cells) is LIBRARY
    assert condition.evaluate(cells) == compiled(text)(values_of(condition.roots, cells))


def test_a_condition_as_long_as_allowed_is_answered() -> None:
    text = " && ".join(["1 < 2"] * (CONDITION_CHARS_MAX // len("1 < 2 && ")))

    assert said_directly(Condition(text), []) is True


def asked(text: str, facts: Facts) -> Outcome:
    return Question(condition_of(text), [ABSENT], {0: THE_INPUT}, []).ask(facts)


@pytest.mark.parametrize(
    ("text", "document", "answer"),
    [
        ('input.sku == "a"', rb'{"sku": "a"}', True),
        ('input.sku == "a"', rb'{"sku": "a\u0000b"}', True),  # for the library a text ends there
        (
            "input.order.cents == 2",
            rb'{"order": {"cents": 2, "huge": 1%s, "less": -1%s}}' % (b"0" * 400, b"0" * 30),
            True,
        ),
        ("input.cents > 9223372036854775807.0", b'{"cents": 18446744073709551616}', True),
        ("input.cents > 9223372036854775807.0", b'{"cents": "1"}', "No matching overloads found : _>_(string, double)"),
    ],
)
def test_python_the_library_and_the_checker_give_one_answer(text: str, document: bytes, answer: Outcome) -> None:
    recorded = Recorded(plan_of(chain("X").canonical), replace(chronicle(transitions(STARTED)), facts=Facts(document)))

    assert asked(text, Facts(document)) == answer
    assert recorded.holds(text, "S") in (answer, f"UNKNOWN: {answer}")


def test_a_question_needs_the_facts_that_it_reads() -> None:
    with pytest.raises(FactsMissingError):
        asked("input.cents > 1", Facts())
