"""Inputs of steps and paths into results are compared with the contracts when a definition is registered."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, computed_field, model_validator

from saga import Definition, Participant
from saga.core.check.finding import Code, Finding, Severity
from saga.core.definition.contract import Contract
from saga.core.state.mode import Mode
from saga.errors import DefinitionError


class Line(BaseModel):
    sku: str
    cents: int


class Charge(BaseModel):
    card: str
    cents: int
    note: str | None = None
    lines: list[Line] = []
    at: datetime | None = None


class Receipt(BaseModel):
    id: UUID
    cents: int
    price: Decimal
    line: Line | None
    lines: list[Line]

    @computed_field
    def euros(self) -> float:
        return self.cents / 100


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    card: str


class Order(BaseModel):
    card: str
    cents: int
    rate: float = 1.0
    truth: bool = False
    pause: timedelta = timedelta(1)
    line: Line | None = None
    lines: list[Line] = []
    by_name: dict[str, Line] = {}
    price: Decimal = Decimal(1)


def contracts(wanted: Any, returned: Any = Receipt) -> dict[str, Contract]:
    """The contracts of a service that charges, whose handler takes and returns these types."""
    pay = Participant("pay")

    async def charge(value: Any) -> Any: ...

    charge.__annotations__.update({"value": wanted, "return": returned})
    handler = pay.step(external=True, read_only=True)(charge)
    return {"pay.charge": handler.contract(Mode.EXTERNAL)}


def findings(definition: Definition[Any], wanted: Any = Charge, returned: Any = Receipt) -> list[Finding]:
    found = definition.findings(contracts(wanted, returned))
    return [finding for finding in found if finding.severity is Severity.ERROR]


def of_inputs(inputs: Any, wanted: Any = Charge) -> list[Finding]:
    definition = Definition("order", input=Order)
    definition.step("pay.charge", inputs=inputs(definition.input) if callable(inputs) else inputs)
    return findings(definition, wanted)


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (lambda order: {"card": order.card}, "cents is missing."),
        (lambda order: {"card": order.card, "cents": 1, "nite": "x"}, "nite is unknown. Did you mean note."),
        (lambda order: {"card": order.card, "cents": 1, "zip": 1}, "zip is unknown. The fields are: card, cents, note, "),
        (lambda order: {"card": order.card, "cents": order.card}, "cents is of type string, not integer (it is input.card)."),
        (lambda order: {"card": order.cents, "cents": 1}, "card is of type integer, not string (it is input.cents)."),
        (lambda order: {"card": order.line, "cents": 1}, "card is of type object, not string (it is input.line)."),
        (lambda order: {"card": order.by_name.a.cents, "cents": 1}, "card is of type integer, not string"),
        ({"card": "x", "cents": "many"}, "cents does not fit: 'many' is not of type integer."),
        ({"card": None, "cents": 1}, "card does not fit: null is not of type string."),
        ({"card": {"id": 1}, "cents": 1}, "card is an object, not string."),
        ({"card": [1], "cents": 1}, "card is a list, not string."),
        (lambda order: {"card": "x", "cents": 1, "lines": [{"sku": order.card}]}, "lines[0].cents is missing."),
        (lambda order: {"card": "x", "cents": 1, "lines": order.line}, "lines is of type object, not array"),
        (lambda order: {"card": "x", "cents": 1, "lines": order}, "lines is of type object, not array"),
        (lambda order: order.line, "card is missing (it is input.line)."),
        (lambda order: order.lines, "it is of type array, not object (it is input.lines)."),
        (lambda order: [order.card], "it is a list, not object."),
        (17, "it does not fit: 17 is not of type object."),
    ],
)  # fmt: skip
def test_inputs_that_the_handler_cannot_take_are_refused(inputs: Any, reason: str) -> None:
    first, *_ = of_inputs(inputs)

    assert (first.code, first.place) == (Code.INPUTS_MISFIT, "order v1, step charge, inputs")
    assert first.reason.startswith(f"pay.charge cannot take them: {reason}")
    assert first.remedy == "Map another value in inputs=, or change what pay.charge takes."


class Named(BaseModel):
    model_config = ConfigDict(validate_by_name=True)
    card: str = Field(alias="cardNumber")


class Chosen(BaseModel):
    card: str = Field(validation_alias=AliasChoices("number", "card"))


class Rewritten(BaseModel):
    number: str

    @model_validator(mode="before")
    @classmethod
    def from_order(cls, value: Any) -> Any:
        return {"number": value["card"]}


class Split(BaseModel):
    card: Annotated[list[str], BeforeValidator(str.split)]


class Texts(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    cents: str


class Moments(BaseModel):
    cents: datetime
    rate: timedelta


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    card: str


class Size(Enum):
    SMALL = "small"


class Cash(BaseModel):
    kind: Literal["cash"] = "cash"


class Card(BaseModel):
    kind: Literal["card"]
    card: str


class Tree(BaseModel):
    card: str
    children: list[Tree] = []


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        (lambda order: {"card": order.card, "cents": order.cents}, Charge),
        (lambda order: {"card": order.card, "cents": order.rate, "lines": order.lines, "at": order.cents}, Charge),
        (lambda order: {"card": order.card, "cents": order.truth, "lines": [order.line, {"sku": "a", "cents": 1}]}, Charge),
        (lambda order: {"card": order.card, "cents": order.price}, Charge),
        (lambda order: {"card": order.by_name["a"].sku, "cents": order.lines[0].cents}, Charge),
        (lambda order: order, Charge),
        (lambda order: {"card": order.card}, Named),
        (lambda order: {"cardNumber": order.card}, Named),
        (lambda order: {"card": order.card}, Chosen),
        (lambda order: {"card": order.card}, Rewritten),
        (lambda order: order, Rewritten),
        (lambda order: {"card": order.card}, Split),
        (lambda order: {"cents": order.cents}, Texts),
        (lambda order: {"cents": order.cents, "rate": order.rate}, Moments),
        (lambda order: {"card": order.card, "more": order.cents}, Loose),
        (lambda order: {"card": order.card}, Strict),
        (lambda order: {"kind": "card", "card": order.card}, Cash | Card),
        (lambda order: {"card": order.card, "children": [{"card": order.card}]}, Tree),
        (lambda order: {"any": order.cents}, dict[str, Any]),
        (lambda order: {"any": order.cents}, dict[str, int]),
        (lambda order: {"any": order.cents}, Any),
        (lambda order: order.cents, int),
        (lambda order: [order.card, order.cents], tuple[str, int]),
        (lambda order: [order.card], list[str]),
        (lambda order: order.card, Size),
        (lambda order: order.cents, None | int),
    ],
)  # fmt: skip
def test_inputs_that_the_handler_may_take_are_accepted(inputs: Any, wanted: Any) -> None:
    assert of_inputs(inputs, wanted) == []


def test_the_whole_input_of_a_saga_is_compared_with_the_first_handler() -> None:
    definition = Definition("order", input=Line)
    definition.step("pay.charge")

    (finding,) = findings(definition)

    assert (finding.code, finding.place) == (Code.INPUTS_MISFIT, "order v1, step charge")
    assert finding.reason == "The saga's input does not fit pay.charge: card is missing."
    assert finding.remedy == "Set inputs= to what pay.charge takes, or change the input."


def test_a_field_that_the_handler_forbids_is_refused() -> None:
    definition = Definition("order", input=Line)
    definition.step("pay.charge")

    assert [finding.reason for finding in findings(definition, Strict)] == [
        "The saga's input does not fit pay.charge: card is missing.",
        "The saga's input does not fit pay.charge: sku is unknown.",
        "The saga's input does not fit pay.charge: cents is unknown.",
    ]


def test_an_input_without_a_type_may_fit() -> None:
    definition = Definition("order")
    definition.step("pay.charge")

    assert findings(definition) == []


@pytest.mark.parametrize(
    ("path", "start", "part", "remedy"),
    [
        (lambda paid: paid.cent, "charge.output", "'cent'", "Did you mean cents? The fields are: id, cents, price, line, lines, euros."),
        (lambda paid: paid.line.zip, "charge.output.line", "'zip'", "The fields are: sku, cents."),
        (lambda paid: paid.lines[0].zip, "charge.output.lines[0]", "'zip'", "The fields are: sku, cents."),
        (lambda paid: paid.lines.zip, "charge.output.lines", "'zip'", "Shorten the path."),
        (lambda paid: paid.cents.value, "charge.output.cents", "'value'", "Shorten the path."),
        (lambda paid: paid[0], "charge.output", "0", "The fields are: id, cents, price, line, lines, euros."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["inputs", "returns"])
def test_a_path_that_a_result_does_not_have_is_refused(
    path: Any, start: str, part: str, remedy: str, where: str
) -> None:
    definition = Definition("order", input=Charge)
    paid = definition.step("pay.charge")
    if where == "inputs":
        definition.step("pay.charge", name="again", inputs={"card": path(paid.output), "cents": 1})
    else:
        definition.returns({"value": [path(paid.output)]})

    (finding,) = findings(definition)

    assert finding.code is Code.FIELD_UNKNOWN
    assert finding.place == ("order v1, step again, inputs" if where == "inputs" else "order v1, returns")
    assert finding.reason == f"{start} has no {part}, says the contract of its step."
    assert finding.remedy == remedy


@pytest.mark.parametrize(
    ("path", "returned"),
    [
        (lambda paid: paid.euros, Receipt),
        (lambda paid: paid.line.sku, Receipt),
        (lambda paid: paid.lines[3].sku, Receipt),
        (lambda paid: paid.anything[0].goes, Any),
        (lambda paid: paid.anything.goes, dict[str, Any]),
        (lambda paid: paid.cents, Line | Charge),
        (lambda paid: paid.note, Line | Charge),
        (lambda paid: paid[1], tuple[str, int]),
        (lambda paid: paid.more, Loose),
        (lambda paid: paid.children[0].card, Tree),
    ],
)
def test_a_path_that_a_result_may_have_is_accepted(path: Any, returned: Any) -> None:
    definition = Definition("order", input=Charge)
    definition.returns(path(definition.step("pay.charge").output))

    assert findings(definition, returned=returned) == []


def test_the_result_of_one_step_is_compared_with_the_next() -> None:
    definition = Definition("order", input=Charge)
    paid = definition.step("pay.charge")
    definition.step("pay.charge", name="again", inputs=paid.output)

    with pytest.raises(DefinitionError, match=r"step again, inputs: .*: card is missing \(it is charge.output\)"):
        definition.graph(contracts(Charge))


def test_a_step_that_returns_nothing_gives_nothing_to_the_next() -> None:
    definition = Definition("order", input=Charge)
    definition.step("pay.charge", name="again", inputs=definition.step("pay.charge").output)

    (finding,) = findings(definition, returned=None)

    assert "it is of type null, not object (it is charge.output)" in finding.reason


class Person(BaseModel):
    name: str | None
    line: Line | None
    counts: dict[str, int]
    pair: tuple[str, int]
    three: tuple[int, int, int]
    code: str


class Letter(BaseModel):
    card: str
    note: str | None = None
    names: dict[str, str] = {}
    two: tuple[str, str] = ("", "")
    some: Annotated[list[int], Field(max_length=2)] = []


def after_asking(inputs: Any, wanted: Any = Letter, **options: Any) -> list[Finding]:
    """The findings about a letter whose inputs are made from a person that an earlier step has found, or has not."""
    service = Participant("pay")

    @service.step(external=True, read_only=True)
    async def find(value: Any) -> Person:
        return Person.model_validate(value)

    definition = Definition("order", input=Order)
    found = definition.step("pay.find", handled=True)
    told = {name: value(found) for name, value in options.items()}
    definition.step("pay.charge", inputs=inputs(found), **told)
    published = contracts(wanted) | {"pay.find": find.contract(Mode.EXTERNAL)}
    return [finding for finding in definition.findings(published) if finding.code is not Code.MAY_BE_ABSENT]


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (lambda found: {"card": found.output.code.or_(17)}, "card does not fit: 17 is not of type string (it is the default of "),
        (lambda found: {"card": found.output.code.or_(None)}, "card does not fit: null is not of type string (it is the default of "),
        (lambda found: {"card": "x", "names": found.output.counts}, "names[any key] is of type integer, not string (it is "),
        (lambda found: {"card": "x", "names": found.output.line}, "names.cents is of type integer, not string (it is find.output.line)."),
        (lambda found: {"card": "x", "two": found.output.pair}, "two[1] is of type integer, not string (it is find.output.pair)."),
        (lambda found: {"card": "x", "two": found.output.three}, "two has 3 entries, not 2 (it is find.output.three)."),
        (lambda found: {"card": "x", "some": found.output.three}, "some has 3 entries, not at most 2 (it is find.output.three)."),
        (lambda _: {"card": "x", "some": [1, 2, 3]}, "some has 3 entries, not at most 2."),
        (lambda found: {"card": "x", "two": [found.output.code]}, "two has 1 entries, not 2."),
        (lambda found: {"card": "x", "two": ["a", found.output.line]}, "two[1] is of type object, not string (it is find.output.line)."),
    ],
)  # fmt: skip
def test_defaults_dicts_and_tuples_are_compared_too(inputs: Any, reason: str) -> None:
    first, *_ = after_asking(inputs)

    assert (first.code, first.severity) == (Code.INPUTS_MISFIT, Severity.ERROR)
    assert first.reason.startswith(f"pay.charge cannot take them: {reason}")


@pytest.mark.parametrize(
    "inputs",
    [
        lambda found: {"card": found.reason.or_("none")},
        lambda found: {"card": found.output.name.or_("x"), "note": found.output.name},
        lambda found: {"card": "x", "names": {"a": found.output.code}, "two": [found.output.code, "b"]},
        lambda found: {"card": "x", "some": [found.output.counts.any.or_(1)]},
    ],
)
def test_reasons_and_defaults_that_fit_are_accepted(inputs: Any) -> None:
    assert after_asking(inputs) == []


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        (lambda found: {"card": found.output.name}, "card may be null (it is find.output.name)"),
        (lambda found: {"card": found.output.line.sku}, "card may be null (it is find.output.line.sku)"),
        (lambda found: {"card": "x", "note": found.output.line.sku}, "note cannot be read where find.output.line is null (it is "),
        (lambda found: {"card": "x", "two": ["a", found.output.name]}, "two[1] may be null (it is find.output.name)"),
    ],
)  # fmt: skip
def test_a_value_that_may_be_null_where_the_handler_takes_none_is_warned_of(inputs: Any, reason: str) -> None:
    (warned,) = after_asking(inputs)

    assert (warned.code, warned.severity) == (Code.MAY_BE_NULL, Severity.WARNING)
    assert warned.place == "order v1, step charge, inputs"
    assert warned.reason.startswith(reason)
    assert warned.reason.endswith(", and pay.charge takes no null there.")
    assert warned.remedy == "Give a default with .or_(...), or let pay.charge take null."


def test_a_value_that_the_condition_of_its_step_reads_is_not_warned_of() -> None:
    def is_named(found: Any) -> Any:
        return found.output.name != None  # noqa: E711 (a recorded condition)

    assert after_asking(lambda found: {"card": found.output.name}, when=is_named) == []
