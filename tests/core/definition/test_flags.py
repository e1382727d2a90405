"""Paths to true or false, which are conditions by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from pydantic import BaseModel

from saga import Definition
from saga.core.check.finding import Code, Finding
from saga.errors import DefinitionError
from tests.core.samples import CONTRACT


class Transfer(BaseModel):
    """The input of these sagas."""

    cents: int
    is_fast: bool | None = None


class Verdict(BaseModel):
    """The payload of the event review."""

    approved: bool
    note: str


Write: TypeAlias = Callable[[Definition[Transfer], Any], object]
FLAG = "steps.review.output.approved"


def reviewed(write: Write) -> Definition[Transfer]:
    """A transfer with a review, and what is written behind it."""
    written = Definition("transfer", input=Transfer)
    write(written, written.wait("review", Verdict).output)
    return written


def findings(write: Write) -> tuple[Finding, ...]:
    return reviewed(write).findings({"desk.ask": CONTRACT})


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (lambda d, verdict: d.step("desk.ask", when=verdict.approved), f"{FLAG} == true"),
        (lambda d, verdict: d.step("desk.ask", when=~verdict.approved), f"!({FLAG} == true)"),
        (
            lambda d, verdict: d.step("desk.ask", when=verdict.approved & d.input.is_fast),
            f"({FLAG} == true) && (input.is_fast == true)",
        ),
        (
            lambda d, verdict: d.step("desk.ask", when=verdict.approved | (d.input.cents > 1)),
            f"({FLAG} == true) || (input.cents > 1)",
        ),
        (
            lambda d, verdict: d.step("desk.ask", when=(d.input.cents > 1) & verdict.approved),
            f"(input.cents > 1) && ({FLAG} == true)",
        ),
        (lambda d, _: d.step("desk.ask", when=" steps . review.output.approved // it is"), f"{FLAG} == true"),
        (lambda d, _: d.step("desk.ask", when=d.step("desk.look").output["sure"]), "steps.look.output.sure == true"),
        (lambda d, _: d.step("desk.ask", when="steps.review.rejected"), "steps.review.rejected"),
    ],
)
def test_a_path_to_true_or_false_is_a_condition(write: Write, text: str) -> None:
    assert reviewed(write).outline().steps[-1].condition == text


def test_a_path_with_a_default_is_a_condition() -> None:
    written = reviewed(lambda d, _: d.check(d.input.is_fast.or_(True), "it is slow"))  # noqa: FBT003 (a default)

    assert str(written.outline()).count("input.is_fast : true) == true") == 1
    assert findings(lambda d, _: d.step("desk.ask", when=d.input.is_fast.or_(False))) == ()  # noqa: FBT003 (a default)


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (lambda d, verdict: d.step("desk.ask", when=verdict.note), "str"),
        (lambda d, verdict: d.step("desk.ask", when=verdict), "Verdict"),
        (lambda _, verdict: ~verdict.note, "str"),
        (lambda _, verdict: verdict.approved & verdict.note, "str"),
        (lambda _, verdict: verdict.note | {}, "str"),
        (lambda d, _: d.check(d.input.cents, "it is false"), "int"),
        (lambda d, _: d.step("desk.ask", when=d.wait(["yes", "no"], name="answer").output), "dict"),
        (lambda d, _: d.step("desk.ask", when=d.step("desk.look", output=list[bool] | str).output), "list or str"),
    ],
)
def test_a_path_to_something_else_is_refused_where_it_is_written(write: Write, kind: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        reviewed(write)

    (found,) = caught.value.findings
    assert isinstance(found, Finding)
    assert found.code is Code.CONDITION_INVALID
    assert found.reason.endswith(f" has the type {kind}, and is not a condition.")
    assert found.remedy.startswith("Compare it, as in ")


def test_what_is_joined_with_a_path_is_a_condition() -> None:
    for write in (lambda _, verdict: verdict.approved & 3, lambda _, verdict: 3 | verdict.approved):
        with pytest.raises(DefinitionError, match=r"the other side is not a condition\. Put parentheses"):
            reviewed(write)


def test_a_text_about_a_value_that_is_never_true_is_found_at_registration() -> None:
    (found,) = findings(lambda d, _: d.step("desk.ask", when="!(steps.review.output.note == true) || input.cents > 1"))

    assert (found.code, found.reason) == (Code.CONDITION_INVALID, "review.output.note is string, and never true.")
    assert found.remedy == "Compare it with what it may be, as in review.output.note == ...."
    assert findings(lambda d, _: d.step("desk.ask", when="steps.review.output.approved || input.is_fast")) == ()


YAML = """\
name: transfer
input: {type: object, properties: {fast: {type: boolean}, cents: {type: integer}}}
steps:
  - step: desk.ask
    when: input.fast
"""


def test_yaml_has_paths_to_true_or_false_too() -> None:
    written = Definition.from_yaml(YAML)

    assert written.outline().steps[0].condition == "input.fast == true"
    assert written.to_yaml() == YAML
    with pytest.raises(
        DefinitionError, match=r"line 5, column 11: .*\.cents has the type integer, and is not a condition"
    ):
        Definition.from_yaml(YAML.replace("input.fast", "input.cents"))
