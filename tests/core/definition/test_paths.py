from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.core.definition.json_value import Json
from saga.core.definition.paths import (
    INTEGER_MAX,
    TEMPLATE_DEPTH_MAX,
    input_path,
    literal_key,
    output_path,
    path_text,
    reads,
    resolve,
    template_faults,
)
from saga.errors import InputRefused, UsageError
from tests.core.samples import templates, values

ORDER = {"sku": "bolt", "lines": [{"cents": 3}, {"cents": 4}], "note": None}
RESULTS = {"charge": {"id": "ch_1", "ok": True}, "reserve": 2}


def escaped(value: Json) -> Json:
    """The template of a literal."""
    if isinstance(value, list):
        return [escaped(entry) for entry in value]
    if isinstance(value, dict):
        return {literal_key(key): escaped(entry) for key, entry in value.items()}
    return value


def test_a_path_stands_for_a_part_of_the_input() -> None:
    assert resolve({"$path": ["input", "lines", 1, "cents"]}, ORDER, {}) == 4


def test_a_path_stands_for_a_part_of_a_result() -> None:
    assert resolve({"$path": ["steps", "charge", "output", "id"]}, ORDER, RESULTS) == "ch_1"


def test_a_path_without_parts_stands_for_the_whole() -> None:
    assert resolve(input_path(()), ORDER, {}) == ORDER
    assert resolve(output_path("reserve", ()), ORDER, RESULTS) == 2


def test_paths_and_literals_mix_in_objects_and_lists() -> None:
    template = {"item": input_path(("sku",)), "of": [1, output_path("reserve", ())], "fixed": {"a": None}}

    assert resolve(template, ORDER, RESULTS) == {"item": "bolt", "of": [1, 2], "fixed": {"a": None}}


def test_a_part_that_is_null_is_a_value() -> None:
    assert resolve(input_path(("note",)), ORDER, {}) is None


@pytest.mark.parametrize(
    ("segments", "sentence"),
    [
        (("sku_",), "input.sku_ cannot be read: input has no field 'sku_' (it has: lines, note, sku)."),
        (("sku", "x"), "input.sku.x cannot be read: input.sku is a string and has no 'x'."),
        (("note", "x"), "input.note.x cannot be read: input.note is null and has no 'x'."),
        (("lines", 2), "input.lines[2] cannot be read: input.lines has 2 entries and no [2]."),
        (("lines", "0"), "input.lines['0'] cannot be read: input.lines is a list and has no field '0'."),
        (
            ("lines", 0, "cents", 1),
            "input.lines[0].cents[1] cannot be read: input.lines[0].cents is a number and has no 1.",
        ),
    ],
)
def test_a_missing_part_is_refused_by_its_path(segments: tuple[str | int, ...], sentence: str) -> None:
    with pytest.raises(InputRefused) as refusal:
        resolve(input_path(segments), ORDER, {})

    assert str(refusal.value) == sentence


def test_a_step_without_a_result_is_refused_by_name() -> None:
    with pytest.raises(InputRefused, match=r"charge\.output\.id cannot be read: the step charge has no result yet"):
        resolve(output_path("charge", ("id",)), ORDER, {})


def test_reads_names_each_step_once_in_the_order_of_mention() -> None:
    template = [output_path("b", ("x",)), {"k": output_path("a", ())}, output_path("b", ()), input_path(())]

    assert reads(template) == ("b", "a")


def test_a_literal_that_looks_like_a_path_reads_nothing() -> None:
    literal = {"$path": ["steps", "charge", "output"]}

    assert reads(escaped(literal)) == ()
    assert resolve(escaped(literal), ORDER, RESULTS) == literal


def test_parts_that_are_not_names_are_quoted() -> None:
    assert path_text(("input", "a.b", 0, "c")) == "input['a.b'][0].c"


@pytest.mark.parametrize(
    "template",
    [
        {"$path": []},
        {"$path": "input"},
        {"$path": ["output"]},
        {"$path": ["steps", "charge"]},
        {"$path": ["steps", "charge", "input"]},
        {"$path": ["steps", 1, "output"]},
        {"$path": ["input", -1]},
        {"$path": ["input", True]},
        {"$path": ["input", 1.5]},
        {"$path": ["input"], "beside": 1},
    ],
)
def test_a_malformed_path_is_a_fault(template: Json) -> None:
    (fault,) = template_faults(template)

    assert fault.startswith("$path is not [input, ...]")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ({"$if": 1}, "the key '$if' has no meaning here; as a literal it is stored as '$$if'"),
        ({1: 2}, "the key 1 is not a JSON string"),
        ([float("nan")], "nan is not a JSON number"),
        (INTEGER_MAX + 1, "the number 9007199254740992 is beyond 2**53 - 1; write it as a string"),
        (1e17, "the number 1e+17 is beyond 2**53 - 1; write it as a string"),
        ("\ud800", "the text '\\ud800' has an unpaired surrogate in it"),
        ((1, 2), "(1, 2) is a tuple, which is not a JSON value"),
    ],
)
def test_a_value_without_canonical_json_is_a_fault(template: Json, fault: str) -> None:
    assert template_faults(template) == (fault,)


def test_a_template_that_is_nested_too_deep_is_a_fault() -> None:
    template: Json = 1
    for _ in range(TEMPLATE_DEPTH_MAX + 1):
        template = [template]

    assert template_faults(template) == ("it is nested deeper than 64 levels",)


@pytest.mark.parametrize("template", [{"$path": ["output"]}, {"$path": 7}, {"$if": 1}])
def test_a_template_of_a_newer_saga_is_refused_when_it_is_read(template: Json) -> None:
    with pytest.raises(UsageError, match="this version of Saga can read"):
        resolve(template, ORDER, RESULTS)


@given(values)
def test_a_literal_comes_out_as_it_went_in(value: Json) -> None:
    template = escaped(value)

    assert template_faults(template) == ()
    assert resolve(template, None, {}) == value


@given(templates(("a", "b")))
def test_well_formed_templates_have_no_faults_and_read_known_steps(template: Json) -> None:
    assert template_faults(template) == ()
    assert set(reads(template)) <= {"a", "b"}


@given(templates(("a", "b")), values, values)
def test_resolving_needs_exactly_the_results_that_are_read(template: Json, order: Json, output: Json) -> None:
    needed = dict.fromkeys(reads(template), output)
    everything = {"a": output, "b": output}

    assert outcome(template, order, needed) == outcome(template, order, everything)


def outcome(template: Json, order: Json, results: dict[str, Json]) -> Json:
    try:
        return resolve(template, order, results)
    except InputRefused as refusal:
        return str(refusal)


@given(values | st.dictionaries(st.just("$path"), values), values)
def test_no_template_raises_anything_but_a_usage_error(template: Json, order: Json) -> None:
    try:
        resolve(template, order, {})
    except UsageError:
        return
