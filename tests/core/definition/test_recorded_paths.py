from __future__ import annotations

import copy
import math
import operator
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict

import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    RootModel,
    computed_field,
    model_serializer,
)

from saga.authoring import Definition, Path
from saga.core.check.finding import Code
from saga.errors import DefinitionError
from tests.core.shop import Charge, Line, Street, contracts, order, refusal_of, stored

# -- recorded paths ---------------------------------------------------------------------------------------------------


def test_attributes_and_items_become_the_stored_path() -> None:
    definition = order()
    paid = definition.step("shop.charge")

    assert stored(definition.input) == {"$path": ["input"]}
    assert stored(definition.input.lines[1].sku) == {"$path": ["input", "lines", 1, "sku"]}
    assert stored(definition.input["by_name"]["any thing"].cents) == {
        "$path": ["input", "by_name", "any thing", "cents"]
    }
    assert stored(paid.output.id) == {"$path": ["steps", "charge", "output", "id"]}


def test_an_unknown_field_of_the_input_is_refused_with_the_fields_that_there_are() -> None:
    finding = refusal_of(lambda: order().input.skus)

    assert finding.code is Code.FIELD_UNKNOWN
    assert finding.place == "order v1, input"
    assert finding.reason == "order.input has the type Order, which has no field 'skus'."
    assert finding.remedy == "Did you mean sku? The fields are: sku, quantity, address, lines, by_name."


def test_an_unknown_field_of_an_output_is_refused_with_its_step() -> None:
    paid = order().step("shop.charge", output=Charge)

    finding = refusal_of(lambda: paid.output.reference)

    assert finding.place == "order v1, step charge"
    assert finding.reason == "charge.output has the type Charge, which has no field 'reference'."
    assert finding.remedy == "The fields are: id."


def test_an_output_of_unknown_type_may_have_any_part() -> None:
    paid = order().step("shop.charge")

    assert stored(paid.output.anything[0].at_all) == {
        "$path": ["steps", "charge", "output", "anything", 0, "at_all"]
    }  # fmt: skip


class Model(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    text: str
    number: int | None
    moment: datetime
    choice: Literal["a", "b"]
    either: Street | Line
    maybe: Annotated[Line | None, Field(description="perhaps")]
    pair: tuple[Line, str]
    many: tuple[Line, ...]
    anything: Any
    json_: JsonValue = Field(alias="json")
    rewritten: Annotated[Line, PlainSerializer(lambda line: {"own": line.sku})]
    left_out: str = Field(exclude=True)

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own advice
    @property
    def total(self) -> Line:
        return Line(sku=self.text, cents=1)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str


class Lines(RootModel[list[Line]]):
    pass


class Own(BaseModel):
    name: str

    @model_serializer
    def written(self) -> dict[str, str]:
        return {"other": self.name}


@dataclass
class Box:
    line: Line
    unknown: "Nowhere"  # type: ignore[name-defined]  # noqa: F821, UP037 (a name that cannot be resolved)


@dataclass
class Parcel:
    line: Line
    next_: "Parcel | None" = None  # noqa: UP037 (a forward reference)


class Draft(TypedDict):
    line: Line
    note: NotRequired[Line]


Alias = NewType("Alias", Line)


@pytest.mark.parametrize(
    ("kind", "write", "segments"),
    [
        (Model, lambda path: path.either.number, ["either", "number"]),
        (Model, lambda path: path.either.sku, ["either", "sku"]),
        (Model, lambda path: path.maybe.sku, ["maybe", "sku"]),
        (Model, lambda path: path.pair[0].sku, ["pair", 0, "sku"]),
        (Model, lambda path: path.many[7].sku, ["many", 7, "sku"]),
        (Model, lambda path: path.anything.at[0], ["anything", "at", 0]),
        (Model, lambda path: path.json_.a[0].b, ["json", "a", 0, "b"]),
        (Model, lambda path: path["json"], ["json"]),
        (Model, lambda path: path.rewritten.own, ["rewritten", "own"]),
        (Model, lambda path: path.total.cents, ["total", "cents"]),
        (Open, lambda path: path.more.parts, ["more", "parts"]),
        (Lines, lambda path: path[0].sku, [0, "sku"]),
        (Own, lambda path: path.other, ["other"]),
        (Box, lambda path: path.whatever, ["whatever"]),
        (Parcel, lambda path: path.next_.next_.line.sku, ["next_", "next_", "line", "sku"]),
        (Draft, lambda path: path.note.sku, ["note", "sku"]),
        (Alias, lambda path: path.sku, ["sku"]),
        (dict[str, Line], lambda path: path.any_key.sku, ["any_key", "sku"]),
        (list[Line] | None, lambda path: path[0].sku, [0, "sku"]),
        (dict, lambda path: path.a.b, ["a", "b"]),
        (list, lambda path: path[0].b, [0, "b"]),
        (object, lambda path: path.a.b, ["a", "b"]),
        ("Order", lambda path: path.a.b, ["a", "b"]),
    ],
)
def test_a_part_that_a_type_may_have_is_accepted(
    kind: object, write: Callable[[Path], Path], segments: list[Any]
) -> None:
    path = write(Definition("order", input=kind).input)

    assert stored(path) == {"$path": ["input", *segments]}


@pytest.mark.parametrize(
    ("kind", "write", "reason"),
    [
        (Model, lambda path: path.text.upper, "order.input.text has the type str, which has no parts."),
        (Model, lambda path: path.number[0], "order.input.number has the type int, which has no parts."),
        (Model, lambda path: path.moment.year, "order.input.moment has the type datetime, which has no parts."),
        (Model, lambda path: path.choice.a, "order.input.choice has the type str, which has no parts."),
        (Model, lambda path: path.either.zip, "order.input.either has the type Line, which has no field 'zip'."),
        (Model, lambda path: path.maybe.zip, "order.input.maybe has the type Line, which has no field 'zip'."),
        (Model, lambda path: path.pair[2], "order.input.pair has 2 entries and no [2]."),
        (Model, lambda path: path.pair.sku, "order.input.pair is a list and has no field 'sku'."),
        (Model, lambda path: path.total.zip, "order.input.total has the type Line, which has no field 'zip'."),
        (Model, lambda path: path.left_out, "order.input has the type Model, which has no field 'left_out'."),
        (Model, lambda path: path[0], "order.input has the type Model, which has no field 0."),
        (Lines, lambda path: path.root, "order.input is a list and has no field 'root'."),
        (Parcel, lambda path: path.next_.zip, "order.input.next_ has the type Parcel, which has no field 'zip'."),
        (Draft, lambda path: path.note.zip, "order.input.note has the type Line, which has no field 'zip'."),
        (Alias, lambda path: path.zip, "order.input has the type Line, which has no field 'zip'."),
        (dict[str, Line], lambda path: path[0], "order.input is a JSON object, whose keys are strings."),
        (dict[str, Line], lambda path: path.a.zip, "order.input.a has the type Line, which has no field 'zip'."),
        (str, lambda path: path.a, "order.input has the type str, which has no parts."),
    ],
)
def test_a_part_that_a_type_cannot_have_is_refused(kind: object, write: Callable[[Path], Path], reason: str) -> None:
    finding = refusal_of(lambda: write(Definition("order", input=kind).input))

    assert finding.code is Code.FIELD_UNKNOWN
    assert finding.reason == reason
    assert finding.remedy.endswith(".")


@pytest.mark.parametrize(
    "use",
    [
        bool,
        list,
        "{}".format,
        lambda path: path + 1,
        lambda path: 1 - path,
        lambda path: "id-" + path,
        lambda path: sum([path]),
        lambda path: path**2,
        lambda path: divmod(7, path),
        lambda path: path and path.other,
        operator.neg,
        abs,
        round,
        math.floor,
        math.sqrt,
        int,
        float,
        complex,
        str,
        bytes,
        range,
        len,
        iter,
        next,
        reversed,
        hex,
        os.fspath,
        lambda path: path(),
        lambda path: path.__await__(),
        lambda path: path.__enter__(),
        lambda path: setattr(path, "text", 1),
        lambda path: delattr(path, "text"),
        lambda path: operator.setitem(path, "text", 1),
        lambda path: operator.delitem(path, 0),
        lambda path: "%s" % path,  # noqa: UP031
        lambda path: "bolt" in path,
        lambda path: f"{path:>10}",
        lambda path: path[-1],
        lambda path: path[True],
        lambda path: path[1:2],
        lambda path: path[None],
    ],
)
def test_a_path_has_no_value_while_the_definition_is_written(use: Callable[[Any], object]) -> None:
    finding = refusal_of(lambda: use(order().input.sku))

    assert finding.code is Code.PATH_MISUSED
    assert "order.input.sku has no value while the definition is written" in finding.reason


@pytest.mark.parametrize(
    "use",
    [
        lambda path: bool(path == "bolt"),
        lambda path: 3 < path < 9,
        lambda path: path == "bolt" and path != "nut",
        lambda path: not path > 3,
        lambda path: sorted([path, path]),
    ],
)
def test_a_comparison_has_no_truth_while_the_definition_is_written(use: Callable[[Any], object]) -> None:
    finding = refusal_of(lambda: use(order().input.sku))

    assert finding.code is Code.CONDITION_MISUSED
    assert "is neither true nor false while the definition is written" in finding.reason


def test_a_path_does_not_trap_tools_that_look_for_hidden_names() -> None:
    path = order().input

    assert not hasattr(path, "_repr_html_")
    assert hash(path) != hash(order().input)
    assert stored(copy.copy(path).sku) == {"$path": ["input", "sku"]}


# -- templates --------------------------------------------------------------------------------------------------------


def test_inputs_are_made_of_paths_and_literals() -> None:
    definition = order()
    paid = definition.step("shop.charge")
    inputs = {"of": [definition.input.sku, ("x", 1.5)], "id": paid.output.id, "fixed": {"a": None, "$path": True}}
    definition.step("shop.ship", inputs=inputs)

    assert definition.graph(contracts()).steps[1].inputs == {
        "of": [{"$path": ["input", "sku"]}, ["x", 1.5]],
        "id": {"$path": ["steps", "charge", "output", "id"]},
        "fixed": {"a": None, "$$path": True},
    }


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (datetime(2024, 1, 1), "is a datetime, which is not a JSON value"),  # noqa: DTZ001 (any moment)
        ({"a": {1, 2}}, "is a set, which is not a JSON value"),
        (Line(sku="bolt", cents=1), "is a Line, which is not a JSON value"),
        ({1: "a"}, "the key 1 is not a JSON string"),
        ([float("inf")], "inf is not a JSON number"),
        (2**53, "is beyond 2**53 - 1"),
        (endless(), "nested deeper than 64 levels"),
    ],
)
def test_a_template_of_anything_else_is_refused_where_it_is_written(value: object, words: str) -> None:
    definition = order()

    inputs = refusal_of(lambda: definition.step("shop.ship", inputs=value))
    returns = refusal_of(lambda: definition.returns(value))

    assert (inputs.code, inputs.place) == (Code.TEMPLATE_INVALID, "order v1, step ship, inputs")
    assert returns.place == "order v1, returns"
    assert words in inputs.reason
    assert words in returns.reason


def test_a_step_in_the_place_of_its_output_is_refused() -> None:
    definition = order()
    held = definition.step("shop.reserve")

    finding = refusal_of(lambda: definition.step("shop.ship", inputs={"held": held}))

    assert "<step reserve> is a step, not a value; write its .output" in finding.reason


def test_a_path_of_another_definition_is_refused() -> None:
    foreign = order(2).input.sku

    finding = refusal_of(lambda: order().step("shop.ship", inputs=foreign))

    assert finding.code is Code.FOREIGN
    assert "order v2, input" in finding.reason


def test_the_result_of_a_saga_is_set_once() -> None:
    definition = order()
    definition.returns({"ok": True})

    assert refusal_of(lambda: definition.returns(None)).code is Code.RETURNS_TWICE


def test_a_refused_step_leaves_the_definition_as_it_was() -> None:
    definition = order()
    with pytest.raises(DefinitionError):
        definition.step("shop.ship", timeout="never")
    definition.step("shop.ship")

    assert len(definition.graph(contracts()).steps) == 1
