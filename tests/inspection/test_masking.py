"""Finds what people must not see of a saga by the marks of every type that describes it, wherever the value goes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import pytest
from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    TypeAdapter,
    model_serializer,
    model_validator,
)
from typing_extensions import TypedDict

from saga import Definition, Participant, Sensitive
from saga.codec.codec import Codec
from saga.codec.json_schema import accepted_schema, described, written_schema
from saga.core.definition.contract import Contract
from saga.core.definition.json_value import Json
from saga.core.state.mode import Mode
from saga.inspection.masking.marks import Marks, marks_in
from saga.inspection.masking.saga_marks import SagaMarks
from saga.inspection.masking.shown import DEPTH_MAX, HIDDEN, masked
from saga.testing.suites.store.stage import graph
from saga.testing.suites.store.waits.stage import wait

CANARY: Final = "canary-4711"
Secret = Annotated[str, Sensitive]


class Card(BaseModel):
    number: Secret
    month: int = 1


@dataclass
class Account:
    iban: Annotated[str, Sensitive()]


class Address(TypedDict):
    street: Secret


class Guarded(BaseModel):
    """A validator of the user's: the contract promises nothing about what it reads."""

    card: Card

    @model_validator(mode="before")
    @classmethod
    def anything(cls, value: Any) -> Any:
        return value


class Written(BaseModel):
    """A serializer of the user's: the contract promises nothing about what it writes."""

    number: Secret

    @model_serializer
    def anything(self) -> dict[str, Any]:
        return {"number": self.number}


class Renamed(BaseModel):
    number: Annotated[str, Sensitive] = Field(validation_alias=AliasChoices("no", "nr"), serialization_alias="nr")


class Undescribed(BaseModel):
    """No JSON Schema can describe one of its fields."""

    number: Secret
    odd: Annotated[int, PlainValidator(int)] = 1


class Node(BaseModel):
    number: Secret
    below: list[Node] = []


class Payment(BaseModel):
    card: Card
    note: str = ""


MARKED: Final[list[tuple[Any, Any]]] = [
    (Secret, CANARY),
    (Card, Card(number=CANARY)),
    (Account, Account(CANARY)),
    (Address, {"street": CANARY}),
    (Guarded, Guarded(card=Card(number=CANARY))),
    (Written, Written(number=CANARY)),
    (Renamed, Renamed(no=CANARY)),  # type: ignore[call-arg]
    (Undescribed, Undescribed(number=CANARY)),
    (Node, Node(number="x", below=[Node(number=CANARY)])),
    (list[Secret], [CANARY]),
    (tuple[int, Secret], (1, CANARY)),
    (dict[str, Secret], {"a": CANARY}),
    (dict[Secret, int], {CANARY: 1}),
    (Card | Account, Account(CANARY)),
    (Secret | None, CANARY),
    (Annotated[Payment, Sensitive], Payment(card=Card(number="x"), note=CANARY)),
    (Annotated[list[Payment], Sensitive], [Payment(card=Card(number="x"), note=CANARY)]),
    (Annotated[str, Sensitive, BeforeValidator(str)], CANARY),
    (Annotated[str, BeforeValidator(str), Sensitive], CANARY),
    (Annotated[str, Sensitive, PlainSerializer(str, return_type=str)], CANARY),
    (dict[str, list[Payment]], {"a": [Payment(card=Card(number=CANARY))]}),
]


@pytest.mark.parametrize("schema_of", [described, accepted_schema, written_schema])
@pytest.mark.parametrize(("kind", "value"), MARKED, ids=str)
def test_every_mark_of_a_type_is_in_its_schema(kind: Any, value: Any, schema_of: Any) -> None:
    codec = Codec(kind)
    document = json.loads(json.dumps(schema_of(codec.adapter), sort_keys=True))

    shown = json.dumps(masked(json.loads(codec.encode(value)), marks_in(document)))

    assert CANARY not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize("kind", [str, dict[str, list[int]], Any])
def test_a_type_without_a_mark_keeps_its_schema(kind: Any) -> None:
    adapter = TypeAdapter(kind)

    assert (described(adapter) or {}) == adapter.json_schema()
    assert marks_in(described(adapter)).is_empty


def test_what_is_hidden_says_what_it_is() -> None:
    values = [CANARY, 7, True, [1, 2], {"a": 1}, None]

    assert masked(values, Marks(marks_in({"items": {"format": "password"}}).types)) == [
        {HIDDEN: "text, 11 characters"},
        {HIDDEN: "number"},
        {HIDDEN: "true or false"},
        {HIDDEN: "list, 2 entries"},
        {HIDDEN: "object, 1 fields"},
        None,
    ]


def test_the_words_of_other_tools_count_too_and_the_rest_is_shown() -> None:
    schema = {
        "properties": {"a": {"writeOnly": True}, "b": {"format": "password"}, "c": {"format": "date"}},
    }
    by_pattern = {"patternProperties": {"^key": {"x-saga-sensitive": True}}}

    shown = masked({"a": CANARY, "b": CANARY, "c": "shown", "d": "shown"}, marks_in(schema))

    assert (shown["c"], shown["d"], CANARY in str(shown)) == ("shown", "shown", False)
    assert CANARY not in str(masked({"key-1": CANARY}, marks_in(by_pattern)))


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": 3, "anyOf": 3, "items": 3, "$defs": 3, "prefixItems": "x", "x-saga-marks": 3},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"properties": {"a": True, "b": None}},
    ],
)
def test_a_schema_with_faults_marks_nothing_and_breaks_nothing(schema: Json) -> None:
    assert masked({"a": [{"b": 1}]}, marks_in(schema)) == {"a": [{"b": 1}]}


def test_what_is_too_deep_to_be_looked_at_is_hidden() -> None:
    value: Json = CANARY
    for _ in range(DEPTH_MAX + 1):
        value = {"below": [value]}
    schema = {
        "$defs": {"node": {"properties": {"below": {"items": {"$ref": "#/$defs/node"}}, "x": {"writeOnly": True}}}}
    }

    assert CANARY not in str(masked(value, marks_in({**schema, "$ref": "#/$defs/node"})))


# -- the marks of a saga ----------------------------------------------------------------------------------------------------


def contracts() -> dict[str, Contract]:
    payments, mail = Participant("payments"), Participant("mail")

    @payments.step(external=True, read_only=True)
    async def charge(card: Card) -> Account:
        raise NotImplementedError

    @payments.step(external=True, read_only=True)
    async def book(_: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    @mail.step(external=True, read_only=True)
    async def send(letter: Address) -> str:
        raise NotImplementedError

    return {each.full_name: each.contract(Mode.EXTERNAL) for each in (charge, book, send)}


def marks() -> SagaMarks:
    """A definition that says nothing about its input; the services say what they must not show."""
    definition = Definition("order", version=1)
    cards = definition.input.cards
    booked = definition.step("payments.book", inputs={"first": cards[0]}, read_only=True)
    charged = definition.step(
        "payments.charge", inputs={"number": cards[0].digits, "month": 2}, after=booked, read_only=True
    )
    sent = definition.step("mail.send", inputs={"street": booked.output.home}, after=charged)
    definition.returns(sent.output)
    return SagaMarks(definition.graph(contracts()), contracts())


RETURNS: Final[Json] = {
    "at": {"$path": ["steps", "book", "output"]},
    "paid": [{"$path": ["steps", "charge", "output", "iban"]}],
    "sent": {"$path": ["steps", "send", "output"], "$default": {"$path": ["input", "cards", 0, "digits"]}},
    "card": {"$path": ["input", "cards"]},
}


def test_an_event_marks_what_comes_with_it_also_after_the_graph_was_read() -> None:
    plan = graph(wait("one", "paid"), wait("two", "paid", "refused"))
    marked = replace(plan, event_schemas={"paid": {"properties": {"card": {"x-saga-sensitive": True}}}})
    before, read_again = SagaMarks(plan, {}), SagaMarks(plan, {}, marked)

    assert before.result("one").is_empty
    assert CANARY not in str(masked({"card": CANARY}, read_again.result("one")))
    assert CANARY not in str(masked({"name": "paid", "payload": {"card": CANARY}}, read_again.result("two")))


def test_a_service_marks_the_input_that_it_is_given() -> None:
    value = {"cards": [{"digits": CANARY, "owner": "Ann"}, {"digits": "shown"}]}

    assert masked(value, marks().input) == {
        "cards": [{"digits": {HIDDEN: "text, 11 characters"}, "owner": "Ann"}, {"digits": "shown"}]
    }


def test_a_service_marks_its_result_and_the_results_that_it_is_given() -> None:
    found = marks()

    assert CANARY not in str(masked({"iban": CANARY}, found.result("charge")))
    assert masked({"home": CANARY, "n": 7}, found.result("book")) == {"home": {HIDDEN: "text, 11 characters"}, "n": 7}
    assert found.result("send").is_empty


def test_what_a_saga_returns_is_marked_as_the_parts_of_which_it_is_made() -> None:
    found = marks()
    value = {"at": {"home": CANARY, "n": 7}, "paid": [CANARY], "sent": "perhaps", "card": [{"digits": CANARY}]}

    shown = masked(value, found.made(RETURNS))

    assert CANARY not in str(shown)
    assert shown["at"]["n"] == 7
    assert shown["sent"] == {HIDDEN: "text, 7 characters"}, "its default would have been the card"


def test_an_event_has_the_marks_of_its_type() -> None:
    definition = Definition("order")
    definition.wait("card", Card)
    definition.wait({"paid": Card, "lost": None}, name="answer")
    definition.step("payments.book", read_only=True)
    marks = SagaMarks(definition.graph(contracts()), {})

    assert marks.result("card").part("number").is_sensitive
    assert marks.result("answer").part("payload").part("number").is_sensitive
    assert not marks.result("answer").part("event").is_sensitive
