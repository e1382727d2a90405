"""Waits, timers, delays and events in YAML: the same as in Python, and every fault with its line and column."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from saga import Definition
from saga.authoring.text.editor_schema import editor_schema
from saga.core.check.finding import Code, Finding
from saga.errors import DefinitionError, SagaError
from tests.bad_input.mutation import Mutator

MUTATIONS = 60

TRANSFER = """\
name: transfer
events:
  review:
    type: object
    properties: {by: {type: string}}
    required: [by]
    additionalProperties: false
steps:
  - step: bank.ask
  - wait: review
    after: ask
    timeout: 3d
    otherwise: {by: "$${nobody}"}
  - step: bank.remind
    after: ask
    until: review
    delay: 1d
  - timer: 2h
    name: pause
    after: review
  - wait: [yes_please, no_thanks]
    name: answer
    after: remind_delay
    timeout: 1h
    handled: true
  - cancel_on: cancelled
  - step: bank.pay
    after: [pause, answer]
    inputs: {by: "${steps.review.output.by}"}
"""


class Review(BaseModel):
    """The payload of the event review."""

    model_config = ConfigDict(extra="forbid")

    by: str


def refusal(text: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        Definition.from_yaml(text, file="transfer.yaml").graph({})
    return caught.value


def test_the_words_of_yaml_are_those_of_python() -> None:
    written = Definition("transfer")
    asked = written.step("bank.ask")
    review = written.wait("review", Review, after=asked, timeout="3d", otherwise={"by": "${nobody}"})
    written.step("bank.remind", after=asked, until=review, delay="1d")
    pause = written.timer("2h", name="pause", after=review)
    answer = written.wait(
        ["yes_please", "no_thanks"], name="answer", after=written.steps[2], timeout="1h", handled=True
    )
    written.cancel_on("cancelled")
    written.step("bank.pay", after=[pause, answer], inputs={"by": review.output.by})

    assert Definition.from_yaml(TRANSFER).outline().steps == written.outline().steps
    assert Definition.from_yaml(written.to_yaml()).outline() == written.outline()
    for line in TRANSFER.split("steps:\n")[1].splitlines():
        if "$" not in line:
            assert line.strip("- ") in written.to_yaml()


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("events:", "event:", "transfer.yaml:2:1: 'event' is not a word of a definition. Did you mean events?"),
        ("  review:\n", "  revieww:\n", "transfer.yaml:3:3: No step waits for the event revieww. Remove it"),
        ("type: object", "type: thing", "transfer.yaml:4:5: This is not a JSON Schema: type is not one of"),
        ("wait: review", "wait: [5]", 'transfer.yaml:10:12: This is 5. Write a name.'),
        ("wait: review", "wait: {a: b}", "transfer.yaml:10:11: This is an object. Write the name of an event, or a list"),
        ("wait: review", "wait: []", "transfer.yaml:10:5: transfer v1: It waits for nothing."),
        ("wait: review", "waits: review", "transfer.yaml:10:5: This step does not say what it calls. Begin each step with"),
        ("timeout: 3d", "timeout: 4000d", "transfer.yaml:12:14: '4000d' cannot be used as a duration: the longest"),
        ("timeout: 3d", "timeout: 0", "transfer.yaml:10:5: transfer v1, step review: timeout=0 is not above zero."),
        ("timeout: 3d", "timeouts: 3d", "transfer.yaml:12:5: 'timeouts' is not a word of a wait. Did you mean timeout?"),
        ('{by: "$${nobody}"}', "{of: me}", "transfer.yaml:10:5: transfer v1, step review: otherwise={'of': 'me'} does not fit"),
        ('{by: "$${nobody}"}', '{by: "${input.by}"}', "transfer.yaml:10:5: transfer v1, step review: otherwise= has a recorded"),
        ('nobody}"', 'nobody}", x: 9007199254740993', "transfer.yaml:13:38: Here, the number 9007199254740993 is beyond"),
        ("until: review", "until: revieww", "transfer.yaml:16:12: No step above this one is called revieww. Did you mean review?"),
        ("until: review", "until: [review]", "transfer.yaml:16:12: This is a list. Write the name of a step."),
        ("delay: 1d", "delay: soon", "transfer.yaml:17:12: 'soon' cannot be used as a duration"),
        ("timer: 2h", "timer: 0s", "transfer.yaml:18:5: transfer v1, step pause: pause='0s' is not above zero."),
        ("name: answer", "when: input.a == 1", "transfer.yaml:21:5: transfer v1: A wait for yes_please or no_thanks has no name"),
        ("on: cancelled", "on: cancelled\n    after: ask", "transfer.yaml:27:5: 'after' is not a word of a cancel_on."),
        ("on: cancelled", "on: review\n    name: ask", "transfer.yaml:26:5: transfer v1, step ask: Another step is already"),
        ("review.output.by}", "review.output.of}", "transfer.yaml:29:18: transfer v1, step review: review.output has no 'of'"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place_and_the_way_out(before: str, after: str, said: str) -> None:
    assert before in TRANSFER
    assert str(refusal(TRANSFER.replace(before, after, 1))).startswith(said)


@pytest.mark.parametrize(
    ("before", "after", "code", "place"),
    [
        ("timeout: 3d\n", "when: input.a == 1\n", Code.WAIT_INVALID, "transfer.yaml:10:5: transfer v1, step review"),
        ("after: [pause, answer]", "after: cancel_on_cancelled", Code.WAIT_INVALID, "transfer.yaml:27:5: transfer v1, step pay"),
        ("after: ask\n    until", "after: review\n    until", Code.UNTIL_INVALID, "transfer.yaml:14:5: transfer v1, step remind"),
    ],
)  # fmt: skip
def test_what_the_whole_definition_shows_is_named_with_its_place(
    before: str, after: str, code: Code, place: str
) -> None:
    assert before in TRANSFER
    found = refusal(TRANSFER.replace(before, after, 1)).findings

    places = [each.place for each in found if isinstance(each, Finding) and each.code is code]
    assert place in places


def test_the_schema_for_editors_has_every_kind_of_step() -> None:
    schema = editor_schema()

    assert schema["properties"]["events"]["additionalProperties"] == {"type": "object"}
    kinds = schema["$defs"]
    assert kinds["a_wait"]["required"] == ["wait"]
    assert kinds["a_timer"]["properties"].keys() == {"timer", "name", "after", "when", "until"}
    assert kinds["a_cancel_on"]["properties"].keys() == {"cancel_on", "name"}
    assert {"delay", "until"} <= kinds["a_step"]["properties"].keys()


def test_a_mutated_text_is_read_or_refused() -> None:
    refused = 0
    for seed in range(MUTATIONS):
        try:
            Definition.from_yaml(Mutator(seed).data(TRANSFER.encode())).findings({})
        except SagaError:
            refused += 1

    assert refused > MUTATIONS / 2
