"""Contracts that have become narrower than those of an older build."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from saga.core.definition.contract import Contract
from saga.core.definition.known_type import known_type, type_misfits
from saga.core.definition.narrowing import REASONS_MAX, missing_fields, narrowed, narrower
from saga.core.state.mode import Mode


class Order(BaseModel):
    sku: str
    note: str | None = None


class WithChannel(Order):
    channel: str


class WithChoice(Order):
    channel: str = "web"


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sku: str


class Nested(BaseModel):
    orders: list[Order]


class NarrowNested(BaseModel):
    orders: list[WithChannel]


class Tree(BaseModel):
    children: list[Tree] = []
    value: int = 0


class OtherTree(BaseModel):
    children: list[OtherTree] = []
    value: str = ""


class Value(BaseModel):
    value: int


class Both(BaseModel):
    left: Both | Either | Cases | Value
    right: Both | Either | Cases | Value


class Either(BaseModel):
    left: Both | Either | Cases | Value
    right: Both | Either | Cases | Value


class Cases(BaseModel):
    cases: list[Both | Either | Cases | Value]
    otherwise: Both | Either | Cases | Value | None


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        (Order, WithChannel, ["channel is required now"]),
        (WithChannel, Order, []),
        (Order, WithChoice, []),
        (Order, Closed, ["note is not accepted any more"]),
        (Closed, Order, []),
        (Nested, NarrowNested, ["orders[0].channel is required now"]),
        (str | None, str, ["it could be null, and must be string now"]),
        (str, str | None, []),
        (int, float, []),
        (float, int, ["it could be number, and must be integer now"]),
        (Any, Order, ["it could be anything, and must be object now"]),
        (Order, Any, []),
        (Literal["a", "b"], Literal["a"], ["it must be one of 'a' now"]),
        (Literal["a"], Literal["a", "b"], []),
        (str, Literal["a", "b"], ["it must be one of 'a', 'b' now"]),
        (int, Annotated[int, Field(ge=1)], ["it has minimum 1 now"]),
        (Annotated[int, Field(le=9)], Annotated[int, Field(le=10)], []),
        (Annotated[int, Field(le=9)], Annotated[int, Field(le=8)], ["it has maximum 8 now"]),
        (str, Annotated[str, Field(max_length=3)], ["it has maxLength 3 now"]),
        (str, Annotated[str, Field(pattern="^a")], ["it must match ^a now"]),
        (Tree, Tree, []),
    ],
    ids=str,
)
def test_each_reason_names_its_field(before: Any, after: Any, reasons: list[str]) -> None:
    assert narrowed(TypeAdapter(before).json_schema(), TypeAdapter(after).json_schema()) == reasons


def test_a_contract_without_a_schema_is_not_compared() -> None:
    schema = Order.model_json_schema()

    assert narrowed(schema, None) == []
    assert narrowed(None, schema) == ["it could be anything, and must be object now"]


def test_recursive_types_end() -> None:
    reasons = narrowed(Tree.model_json_schema(), OtherTree.model_json_schema())

    assert reasons == ["value could be integer, and must be string now"]


def test_types_that_contain_each_other_in_many_places_are_compared_at_once() -> None:
    schema = TypeAdapter(Both | Either | Cases | Value).json_schema()

    assert narrowed(schema, schema) == []
    assert type_misfits(known_type(schema), known_type(schema), "") == []


def test_a_result_counts_where_a_compensation_reads_it() -> None:
    before = Contract("shop", "reserve", Mode.EXTERNAL, True, False, False, None, {"type": "string"}, None)  # noqa: FBT003
    after = replace(before, output_schema={"type": "integer"})

    assert narrower(before, after) == ["result: it could be string, and must be integer now"]
    assert narrower(before, replace(after, has_compensation=False)) == []


def test_only_the_first_reasons_are_told() -> None:
    wide = {"type": "object", "properties": {}}
    before = Contract("shop", "reserve", Mode.EXTERNAL, False, False, False, wide, None, None)  # noqa: FBT003
    after = replace(before, input_schema={**wide, "required": [f"field{n}" for n in range(20)]})

    assert len(narrower(before, after)) == REASONS_MAX


@pytest.mark.parametrize(
    ("given", "wanted", "missing"),
    [
        (Order, WithChannel, ["channel"]),
        (WithChannel, Order, []),
        (dict, WithChannel, []),
        (Order | None, WithChannel, []),
    ],
    ids=str,
)
def test_fields_are_missing_only_where_no_value_can_have_them(given: Any, wanted: Any, missing: list[str]) -> None:
    assert missing_fields(TypeAdapter(given).json_schema(), TypeAdapter(wanted).json_schema()) == missing
    assert missing_fields(None, TypeAdapter(wanted).json_schema()) == []
