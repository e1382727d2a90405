from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict, cast

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

from saga.authoring import Definition, Path, Retry, StepHandle
from saga.authoring.path import record_of
from saga.core.contract import Contract
from saga.core.finding import Code, Finding, Severity
from saga.core.graph import Graph, Json
from saga.core.states import Mode
from saga.errors import DefinitionError, UsageError
from tests.core.samples import CONTRACT


class Street(BaseModel):
    name: str
    number: int | None = None


class Line(BaseModel):
    sku: str
    cents: int


class Order(BaseModel):
    sku: str
    quantity: int
    address: Street | None = None
    lines: list[Line] = []
    by_name: dict[str, Line] = {}


class Charge(BaseModel):
    id: str


def order(version: int = 1) -> Definition:
    return Definition("order", version, input=Order, deadline="2m")


def contracts(*bare: str, **modes: Mode) -> Mapping[str, Contract]:
    """A contract for every handler of the shop; those that are named in `bare` have no compensation."""
    names = ("reserve", "charge", "ship", "confirm", "wrap")
    return {
        f"shop.{name}": replace(
            CONTRACT, handler=name, mode=modes.get(name, Mode.EXTERNAL), has_compensation=name not in bare
        )
        for name in names
    }


def after(graph: Graph, name: str) -> list[str]:
    return [graph.steps[before].name for before in graph.steps[graph.position(name)].after]


def stored(path: Path) -> Json:
    return record_of(path).template()


def refusal_of(write: Callable[[], object]) -> Finding:
    """The one finding with which a line is refused."""
    with pytest.raises(DefinitionError) as refusal:
        write()
    (finding,) = refusal.value.findings
    assert isinstance(finding, Finding)
    assert str(refusal.value) == str(finding)
    return finding


def test_the_order_of_the_documentation_becomes_a_graph() -> None:
    definition = order()
    held = definition.step("shop.reserve")
    paid = definition.step("shop.charge", after=held, retry=Retry(attempts=5), timeout="10s")
    sent = definition.step("shop.ship", after=paid, pivot=True)
    definition.returns(sent.output)

    graph = definition.graph(contracts("ship", reserve=Mode.JOURNALED, ship=Mode.TRANSACTIONAL))

    assert [step.name for step in graph.steps] == ["reserve", "charge", "ship"]
    assert [step.mode for step in graph.steps] == [Mode.JOURNALED, Mode.EXTERNAL, Mode.TRANSACTIONAL]
    assert [step.after for step in graph.steps] == [(), (0,), (1,)]
    assert [step.compensation for step in graph.steps] == [True, True, False]
    assert graph.pivot == 2
    assert graph.deadline_ms == 120_000
    assert graph.compensation_budget_ms == 86_400_000
    assert graph.steps[1].timeout_ms == 10_000
    assert graph.steps[0].inputs is None
    assert graph.returns == {"$path": ["steps", "ship", "output"]}


def test_the_same_lines_give_the_same_hash() -> None:
    def written() -> Graph:
        definition = order()
        definition.step("shop.charge", after=definition.step("shop.reserve"), inputs={"n": definition.input.quantity})
        return definition.graph(contracts())

    assert written().hash == written().hash


def test_the_schema_of_the_input_is_kept_for_people() -> None:
    definition = order()
    definition.step("shop.reserve")

    assert definition.graph(contracts()).input_schema == Order.model_json_schema()


@pytest.mark.parametrize("kind", [None, Path, "Order"])
def test_an_input_type_without_a_schema_is_no_hindrance(kind: object) -> None:
    definition = Definition("order", input=kind)
    definition.step("shop.reserve")

    assert definition.graph(contracts()).input_schema is None


# -- order ------------------------------------------------------------------------------------------------------------


def test_steps_without_predecessors_run_in_parallel() -> None:
    definition = order()
    definition.step("shop.reserve")
    definition.step("shop.charge")

    assert [step.after for step in definition.graph(contracts()).steps] == [(), ()]


def test_a_step_after_several_joins_them() -> None:
    definition = order()
    branches = [definition.step("shop.reserve"), definition.step("shop.charge")]
    definition.step("shop.ship", after=branches)

    assert after(definition.graph(contracts()), "ship") == ["reserve", "charge"]


def test_a_path_implies_the_order() -> None:
    definition = order()
    paid = definition.step("shop.charge")
    definition.step("shop.ship", inputs={"charge": paid.output.id})

    assert after(definition.graph(contracts()), "ship") == ["charge"]


def test_a_path_to_what_is_ordered_before_adds_no_edge() -> None:
    definition = order()
    held = definition.step("shop.reserve")
    paid = definition.step("shop.charge", after=held)
    definition.step("shop.ship", after=paid, inputs=[held.output, paid.output])
    definition.step("shop.confirm", inputs=[held.output, paid.output])

    graph = definition.graph(contracts())

    assert after(graph, "ship") == ["charge"]
    assert after(graph, "confirm") == ["charge"]
    assert graph.steps[graph.position("confirm")].reads == (0, 1)


@pytest.mark.parametrize("wrong", ["reserve", 1, [None]])
def test_only_steps_come_before_steps(wrong: object) -> None:
    definition = order()
    definition.step("shop.reserve")

    assert refusal_of(lambda: definition.step("shop.charge", after=cast("StepHandle", wrong))).code is Code.FOREIGN


def test_a_step_of_another_definition_is_refused() -> None:
    foreign = order(2).step("shop.reserve")
    definition = order()
    definition.step("shop.reserve")

    finding = refusal_of(lambda: definition.step("shop.charge", after=foreign))

    assert finding.code is Code.FOREIGN
    assert finding.place == "order v1, step charge"


# -- names ------------------------------------------------------------------------------------------------------------


def test_a_step_has_the_name_of_its_handler() -> None:
    assert order().step("shop.reserve").name == "reserve"


def test_a_second_step_of_one_handler_needs_a_name() -> None:
    definition = order()
    definition.step("shop.charge")

    finding = refusal_of(lambda: definition.step("shop.charge"))

    assert finding.code is Code.NAME_TWICE
    assert "name=" in finding.remedy
    assert definition.step("shop.charge", name="charge_fee").name == "charge_fee"


@pytest.mark.parametrize("contract", ["", "reserve", "shop.", ".reserve", "shop.a.b", "Shop.reserve", "shop/reserve"])
def test_a_contract_is_named_as_service_and_handler(contract: str) -> None:
    assert refusal_of(lambda: order().step(contract)).code is Code.NAME_INVALID


def test_invalid_names_are_refused_where_they_are_written() -> None:
    assert refusal_of(lambda: Definition("my-order")).place == "my-order v1"
    assert refusal_of(lambda: order().step("shop.reserve", name="Reserve")).code is Code.NAME_INVALID


def test_a_definition_names_the_contracts_that_it_needs() -> None:
    definition = order()
    definition.step("shop.charge")
    definition.step("shop.charge", name="again")
    definition.step("mail.send")

    assert definition.contract_names == ("shop.charge", "mail.send")


def test_handles_and_definitions_are_shown_by_name() -> None:
    definition = order()
    held = definition.step("shop.reserve")

    assert repr(held) == "<step reserve>"
    assert repr(held.output.lines[0]["a b"]) == "<path reserve.output.lines[0]['a b']>"
    assert repr(definition) == "<definition order v1: reserve>"
    assert repr(order()) == "<definition order v1: no steps>"
    assert definition.steps == (held,)


# -- times and retries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("write", "place"),
    [
        (lambda: Definition("order", deadline="2 minutes"), "order v1"),
        (lambda: Definition("order", deadline=0), "order v1"),
        (lambda: Definition("order", compensation_budget=-1), "order v1"),
        (lambda: Definition("order").step("shop.ship", timeout="0s"), "order v1, step ship"),
        (lambda: Definition("order").step("shop.ship", timeout="soon"), "order v1, step ship"),
    ],
)
def test_an_impossible_time_is_refused_where_it_is_written(write: Callable[[], object], place: str) -> None:
    finding = refusal_of(write)

    assert (finding.code, finding.place) == (Code.TIME_INVALID, place)


def test_attempts_depend_on_where_a_step_stands() -> None:
    definition = order()
    held = definition.step("shop.reserve")
    sent = definition.step("shop.ship", after=held, pivot=True)
    definition.step("shop.charge", retriable=True)
    told = definition.step("shop.confirm", after=sent)
    definition.step("shop.wrap", after=told)

    steps = definition.graph(contracts()).steps

    assert {step.name: step.retry.attempts for step in steps} == {
        "reserve": 5, "ship": 5, "charge": 20, "confirm": 20, "wrap": 20,
    }  # fmt: skip
    assert {step.undo_retry.attempts for step in steps} == {None}


def test_steps_behind_the_pivot_are_retriable_without_saying_so() -> None:
    definition = order()
    sent = definition.step("shop.ship", pivot=True)
    definition.step("shop.wrap", after=definition.step("shop.confirm", after=sent))

    assert [step.retriable for step in definition.graph(contracts()).steps] == [False, True, True]


def test_a_step_beside_the_pivot_has_to_say_that_it_is_retriable() -> None:
    definition = order()
    definition.step("shop.ship", pivot=True)
    definition.step("shop.confirm")

    with pytest.raises(DefinitionError, match="order v1, step confirm: It runs beside the pivot ship"):
        definition.graph(contracts())


@pytest.mark.parametrize("attempts", [1, 7, None])
def test_attempts_that_are_said_hold_everywhere(attempts: int | None) -> None:
    definition = order()
    retry = Retry(attempts=attempts)
    definition.step("shop.reserve", retry=retry, compensation_retry=retry, retriable=True)

    (step,) = definition.graph(contracts()).steps

    assert step.retry.attempts == step.undo_retry.attempts == attempts


def test_a_retry_is_stored_in_whole_milliseconds_and_percents() -> None:
    policy = Retry(first=0.5, cap=timedelta(minutes=1), factor=1.15, jitter=0.07, give_up_after="1h").policy(3)

    assert (policy.first_ms, policy.cap_ms, policy.give_up_after_ms) == (500, 60_000, 3_600_000)
    assert (policy.factor_percent, policy.jitter_percent) == (115, 7)
    assert policy.attempts == 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"attempts": 0}, "Retry(attempts=0)"),
        ({"attempts": "many"}, "Retry(attempts='many')"),
        ({"first": "1 second"}, "Retry(first=...): '1 second' cannot be used as a duration"),
        ({"first": "1m"}, "Retry(cap='30s'): it has to be not below first='1m'."),
        ({"factor": 0.5}, "Retry(factor=0.5)"),
        ({"factor": float("nan")}, "Retry(factor=nan)"),
        ({"factor": 1.005}, "at most two decimals"),
        ({"jitter": 1.5}, "Retry(jitter=1.5)"),
        ({"jitter": -0.1}, "between 0 and 1"),
        ({"give_up_after": 0}, "Retry(give_up_after=0)"),
    ],
)
def test_an_impossible_retry_is_refused_where_it_is_written(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        Retry(**fields)

    assert words in str(refusal.value)


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
    assert finding.remedy == "Did you mean 'sku'? The fields are: sku, quantity, address, lines, by_name."


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
        (dict[str, Line], lambda path: path[0], "order.input is a JSON object, whose keys are texts."),
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
        lambda path: path == "bolt",
        lambda path: path != "bolt",
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


def test_a_path_is_no_trap_for_tools_that_look_for_hidden_names() -> None:
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
        (datetime(2024, 1, 1), "is a datetime, which is no JSON value"),  # noqa: DTZ001 (any moment)
        ({"a": {1, 2}}, "is a set, which is no JSON value"),
        (Line(sku="bolt", cents=1), "is a Line, which is no JSON value"),
        ({1: "a"}, "the key 1 is no JSON text"),
        ([float("inf")], "inf is no JSON number"),
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


def test_what_a_saga_returns_is_said_once() -> None:
    definition = order()
    definition.returns({"ok": True})

    assert refusal_of(lambda: definition.returns(None)).code is Code.RETURNS_TWICE


def test_a_refused_step_leaves_the_definition_as_it_was() -> None:
    definition = order()
    with pytest.raises(DefinitionError):
        definition.step("shop.ship", timeout="never")
    definition.step("shop.ship")

    assert len(definition.graph(contracts()).steps) == 1


# -- freezing ---------------------------------------------------------------------------------------------------------


def test_a_missing_contract_is_an_error_with_its_name() -> None:
    definition = order()
    definition.step("mail.send")

    with pytest.raises(DefinitionError, match=r"No participant has published a contract for mail\.send"):
        definition.graph(contracts())


def test_findings_tell_warnings_too() -> None:
    definition = order()
    definition.step("shop.reserve", retry=Retry(first="30s", attempts=9))

    (finding,) = definition.findings(contracts())

    assert (finding.code, finding.severity) == (Code.RETRY_BEYOND_DEADLINE, Severity.WARNING)


def test_the_defaults_give_no_warnings() -> None:
    definition = order()
    held = definition.step("shop.reserve")
    definition.step("shop.charge", after=held, retriable=True)
    sent = definition.step("shop.ship", after=held, pivot=True)
    definition.step("shop.confirm", after=sent)

    assert definition.findings(contracts()) == ()


def test_a_read_only_step_needs_no_compensation() -> None:
    definition = order()
    looked = definition.step("shop.reserve", read_only=True)
    definition.step("shop.charge", after=looked)

    assert definition.graph(contracts("reserve")).steps[0].read_only


def test_an_error_of_a_definition_is_no_usage_error() -> None:
    """Who catches a wrong call must not swallow a wrong definition."""
    assert not issubclass(DefinitionError, UsageError)
    assert isinstance(order().step("shop.reserve"), StepHandle)
