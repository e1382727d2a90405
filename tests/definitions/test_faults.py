"""Every fault of a definition as text is named with its line and column, the reason and the way out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from saga import Definition
from saga.core.check.finding import Code, Finding
from saga.errors import DefinitionError, SagaError
from tests.bad_input.mutation import Mutator
from tests.core.samples import CONTRACT

MUTATIONS = 100
ORDER = """\
name: order
deadline: 2m
input:
  type: object
  properties: {sku: {type: string}, cents: {type: integer}}
steps:
  - step: inventory.reserve
    inputs: {sku: "${input.sku}"}
  - step: payments.charge
    after: reserve
    when: input.cents > 100
    inputs:
      id: ${steps.reserve.output.id}
    retry: {attempts: 5}
  - check: input.cents < 900
    reason: too much
    after: {any_of: [reserve, charge]}
returns: ${steps.charge.output}
"""


def refusal(text: str | bytes, file: str | None = "order.yaml") -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        Definition.from_yaml(text, file=file)
    return caught.value


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("deadline: 2m", "deadlin: 2m", "order.yaml:2:1: 'deadlin' is not a word of a definition. Did you mean deadline?"),
        ("deadline: 2m", "deadline: [2]", "order.yaml:2:11: This is a list. Write a duration"),
        ("deadline: 2m", "deadline: {a: 2}", "order.yaml:2:11: This is an object. Write a duration"),
        ("deadline: 2m", "deadline: soon", "order.yaml:2:11: 'soon' cannot be used as a duration"),
        ("deadline: 2m", "name: order", "order.yaml:2:1: It gives the name 'name' twice. Remove one of the two."),
        ("deadline: 2m", "? [a]\n: b", "order.yaml:2:3: It has a name that is not a text."),
        ("deadline: 2m", "version: '2'", 'order.yaml:2:10: This is "2". Write a whole number from 1.'),
        ("deadline: 2m", "version: 02", "order.yaml:2:10: 02 could be a number or a text. Put quotes around a text."),
        ("name: order", "name: Order", "order.yaml:1:7: Order v1: 'Order' cannot name a definition."),
        ("type: string", "type: text", "order.yaml:4:3: This is not a JSON Schema: properties.sku.type is not one of"),
        ("{type: string}", "5", "order.yaml:4:3: This is not a JSON Schema: properties.sku is not a schema."),
        ("{type: string}", "{$ref: '#/$defs/x'}", "order.yaml:4:3: This is not a JSON Schema: properties.sku.$ref names"),
        ("{type: string}", "{items: {minimum: x}}", "order.yaml:4:3: This is not a JSON Schema: properties.sku.items.minimum"),
        ("{type: string}", "{anyOf: [true, []]}", "order.yaml:4:3: This is not a JSON Schema: properties.sku.anyOf[1] is not"),
        ("{type: string}", "{required: [1]}", "order.yaml:4:3: This is not a JSON Schema: properties.sku.required is not"),
        ("{type: string}", "{minLength: -1}", "order.yaml:4:3: This is not a JSON Schema: properties.sku.minLength is not"),
        ("name: order\n", "", "order.yaml:1:1: name: is missing in a definition. Write a name."),
        ("  - step: inv", "\t- step: inv", "order.yaml:7:1: It has a tab where YAML wants spaces. Indent with spaces."),
        ("step: inventory", "call: inventory", "order.yaml:7:5: This step does not say what it calls. Begin each step with"),
        ("step: inventory.reserve", "step: a.b\n    check: x", "order.yaml:7:5: This step says step and check."),
        ("step: inventory.reserve", "step: reserve", "order.yaml:7:5: order v1: 'reserve' does not name a handler"),
        ('"${input.sku}"', "${input.sku}", "order.yaml:8:20: It is not YAML here: "),
        ("${input.sku}", "${input.skus}", "order.yaml:8:19: order v1, input: order.input has no 'skus'"),
        ("${input.sku}", "${input..sku}", "order.yaml:8:19: No path or value can be read from '..sku'. Write ${input.field}"),
        ("${input.sku}", "${inputs.sku}", "order.yaml:8:19: No path or value can be read from 'inputs.sku'."),
        ("${input.sku}", "no ${input.sku}", "order.yaml:8:19: 'no ${input.sku}' has a path and other characters."),
        ("${input.sku}", "${input.sku or what}", "order.yaml:8:19: No path or value can be read from 'what'."),
        ("${input.sku}", "${input.sku or " + "[" * 99_000 + "}", "order.yaml:8:19: No path or value can be read from"),
        ("${input.sku}", "${input" + " or input" * 70 + "}", "order.yaml:8:19: No path or value can be read from"),
        ('"${input.sku}"', ".nan", "order.yaml:8:19: .nan could be a number or a text."),
        ('"${input.sku}"', "1e999", "order.yaml:8:19: Here, inf is not a JSON number."),
        ("{sku: \"$", "{1: \"$", "order.yaml:8:14: The key '1' is not a text. Put quotes around it."),
        ("after: reserve", "after: reserv", "order.yaml:10:12: No step above this one is called reserv. Did you mean reserve?"),
        ("after: reserve", "after: {any_off: [reserve]}", "order.yaml:10:13: 'any_off' is not a word of after. Did you mean"),
        ("after: reserve", "after: {at_least: 0, of: [reserve]}", "order.yaml:10:12: at_least: 0 waits for nothing."),
        ("after: reserve", "after: {any_of: reserve}", "order.yaml:10:21: This is \"reserve\". Write a list of steps."),
        ("after: reserve", "after: [[reserve]]", "order.yaml:10:13: No step above this one is called that."),
        ("input.cents > 100", "input.cents", "order.yaml:11:11: order v1, input: order.input.cents has the type integer"),
        ("input.cents > 100", "input.cent > 100", "order.yaml:11:11: order v1, input: order.input has no 'cent', says its JSON"),
        ("input.cents > 100", "steps.x.skipped", "order.yaml:11:11: The condition reads x, and no step above this one"),
        ("input.cents > 100", "!steps.a.skipped", "order.yaml:11:11: It has a tag, which are not accepted. Put quotes around"),
        ("input.cents > 100", "&a b", "order.yaml:11:11: It has an anchor or alias, which are not accepted."),
        ("input.cents > 100", "*a", "order.yaml:11:11: It has an anchor or alias, which are not accepted."),
        ("input.cents > 100", "true", 'order.yaml:11:11: This is true. Write a condition in CEL, as text'),
        ("steps.reserve.output", "steps.reserv.output", "order.yaml:13:11: No step above this one is called reserv. Did you mean"),
        ("attempts: 5", "attempt: 5", "order.yaml:14:13: 'attempt' is not a word of a retry policy. Did you mean attempts?"),
        ("attempts: 5", "attempts: 0", "order.yaml:14:12: Retry(attempts=0): it must be"),
        ("reason: too much", "reason:", "order.yaml:16:12: This is null. Write a text."),
        ("returns: ", "--- x\n--- ", "order.yaml:18:1: It has several documents. Write one document a file"),
        ("name: order", "name: \x07", "order.yaml:1:7: It has the character '\\x07', which YAML does not take."),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place_and_the_way_out(before: str, after: str, said: str) -> None:
    assert before in ORDER
    assert str(refusal(ORDER.replace(before, after, 1))).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text: It is empty. Write name: and steps:."),
        ("# nothing\n", "the text: It is empty. Write name: and steps:."),
        ("order", 'line 1, column 1: This is "order", not a definition.'),
        ("[]", "line 1, column 1: This is a list, not a definition."),
        (ORDER.encode() + b"\xff", "the text: It is not UTF-8: byte"),
        ("#" * 10_000_000, "the text: It has 10,000,000 bytes, the maximum is 524,288."),
        ("[" * 100_000, "line 1, column 81: It is nested deeper than 80 levels."),
        ("- " * 100_000, "line 1, column 161: It is nested deeper than 80 levels."),
        ("{a: " * 50_000, "line 1, column 321: It is nested deeper than 80 levels."),
    ],
    ids=["empty", "comment", "scalar", "list", "encoding", "long", "brackets", "dashes", "braces"],
)
def test_a_text_that_cannot_be_a_definition_is_refused(text: str | bytes, said: str) -> None:
    assert str(refusal(text, file=None)).startswith(said)


@pytest.mark.parametrize(
    "text", [ORDER, ORDER.replace("\n", "\r\n"), "\ufeff" + ORDER, "---\n" + ORDER + "...\n"], ids=["plain", "windows", "bom", "marks"]
)  # fmt: skip
def test_what_a_person_wrote_comes_back_byte_for_byte(text: str) -> None:
    read = Definition.from_yaml(text.encode())

    assert read.to_yaml() == text
    assert read.outline() == Definition.from_yaml(ORDER).outline()


def test_what_is_added_in_python_is_in_the_yaml() -> None:
    read = Definition.from_yaml(ORDER)
    read.step("mail.send", after=read.steps[0])

    assert "mail.send" in read.to_yaml()


def test_the_findings_of_the_checks_have_the_line_of_their_step() -> None:
    findings = Definition.from_yaml(ORDER, file="order.yaml").findings({})

    places = {finding.code: finding.place for finding in findings}
    assert places[Code.CONTRACT_MISSING] == "order.yaml:9:5: order v1, step charge"
    assert places[Code.MAY_BE_ABSENT] == "order.yaml:18:10: order v1, returns"


def test_an_error_has_its_finding() -> None:
    (finding,) = refusal(ORDER.replace("deadline", "deadlin")).findings

    assert isinstance(finding, Finding)
    assert (finding.code, finding.place) == (Code.TEXT_INVALID, "order.yaml:2:1")


def test_scalars_are_read_as_json_reads_them() -> None:
    text = ORDER.replace(
        '"${input.sku}"', "[no, 12:30, 2026-01-31, 1_0, 7, -1.5, 1e3, ~, true, '1', \"\\ud83d\\ude00\"]"
    )

    inputs = Definition.from_yaml(text).document()["steps"][0]["inputs"]["sku"]

    assert inputs == ["no", "12:30", "2026-01-31", "1_0", 7, -1.5, 1000.0, None, True, "1", "😀"]


def test_a_condition_reads_only_results_that_the_contract_has() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    offered = {"inventory.reserve": replace(CONTRACT, service="inventory", handler="reserve", output_schema=schema)}
    text = ORDER.replace("input.cents > 100", 'steps.reserve.output.ids == "1"')

    found = [each for each in Definition.from_yaml(text, file="o").findings(offered) if each.code is Code.FIELD_UNKNOWN]

    (finding,) = found
    assert finding.place == "o:11:11: order v1, step charge, when"
    assert finding.reason == "reserve.output has no 'ids', says the contract of its step."


@pytest.mark.parametrize("sample", [ORDER, json.dumps(Definition.from_yaml(ORDER).document())], ids=["yaml", "json"])
def test_a_mutated_text_is_read_or_refused(sample: str) -> None:
    refused = 0
    for seed in range(MUTATIONS):
        try:
            Definition.from_yaml(Mutator(seed).data(sample.encode())).findings({})
        except SagaError:
            refused += 1

    assert refused > MUTATIONS / 2
