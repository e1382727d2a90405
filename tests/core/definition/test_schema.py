"""A certain misfit with a JSON Schema is found, and what pydantic would take passes."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from saga.core.definition.schema import MISFITS_MAX, misfits


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    sku: str
    quantity: Annotated[int, Field(ge=1)]
    price: Decimal = Decimal(0)


class Order(BaseModel):
    lines: Annotated[list[Line], Field(min_length=1)]
    colour: Colour = Colour.RED
    note: str | None = None
    extra: dict[str, int] = {}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=3)]


LINE = {"sku": "A", "quantity": 1}
SCHEMA = Order.model_json_schema()


@pytest.mark.parametrize(
    "value",
    [
        {"lines": [LINE]},
        {"lines": [LINE | {"price": "1.50"}], "colour": "blue", "note": None, "extra": {"a": 1}},
        {"lines": [LINE | {"quantity": "2"}], "unknown": True},
    ],
)
def test_values_that_pydantic_accepts_fit(value: Any) -> None:
    TypeAdapter(Order).validate_python(value)

    assert misfits(SCHEMA, value) == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "a list is not of type object"),
        ({}, "lines is missing"),
        ({"lines": []}, "lines: it has fewer than 1 items"),
        ({"lines": [{"sku": "A"}]}, "lines.0: quantity is missing"),
        ({"lines": [LINE | {"quantity": "many"}]}, "lines.0.quantity: 'many' is not of type integer"),
        ({"lines": [LINE | {"quantity": 0}]}, "lines.0.quantity: 0 is less than 1"),
        ({"lines": [LINE], "colour": "green"}, "colour: 'green' is not one of 'red', 'blue'"),
        ({"lines": [LINE], "note": {}}, "note: an object is not of type string"),
        ({"lines": [LINE], "extra": {"a": None}}, "extra.a: null is not of type integer"),
    ],
)
def test_a_misfit_is_named_with_its_place(value: Any, reason: str) -> None:
    assert misfits(SCHEMA, value) == [reason]


def test_a_field_that_is_forbidden_is_named_with_those_that_exist() -> None:
    assert misfits(Strict.model_json_schema(), {"name": "Bob", "age": 7}) == ["age is unknown (known: name)"]


def test_a_string_has_a_greatest_length() -> None:
    assert misfits(Strict.model_json_schema(), {"name": "Robert"}) == ["name: it has more than 3 characters"]


def test_only_the_first_few_misfits_are_listed() -> None:
    assert len(misfits(SCHEMA, {"lines": [{}] * 10})) == MISFITS_MAX


@pytest.mark.parametrize("schema", [None, True, {}, {"unknownKeyword": 7}, {"type": "fancy"}])
def test_a_schema_that_says_nothing_lets_everything_pass(schema: Any) -> None:
    assert misfits(schema, {"anything": 1}) == []


def test_a_schema_that_refers_to_itself_comes_to_an_end() -> None:
    schema = {"$defs": {"Loop": {"$ref": "#/$defs/Loop"}}, "$ref": "#/$defs/Loop"}

    assert misfits(schema, 1) == []
