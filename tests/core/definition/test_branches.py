"""Conditions, checks, joins and handled rejections: how they are written, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from pydantic import BaseModel

from saga import Definition, any_of, at_least
from saga.core.check.finding import Code, Finding
from saga.core.definition.graph import Graph, graph_from_json
from saga.core.definition.step import Check
from saga.errors import DefinitionError
from tests.core.samples import CONTRACT


class Transfer(BaseModel):
    """The input of these sagas."""

    cents: int
    country: str = "NO"


def transfer() -> Definition[Transfer]:
    return Definition("transfer", input=Transfer)


def findings(definition: Definition[Transfer]) -> tuple[Finding, ...]:
    """Every handler has a compensation, but for `send` and `log`."""
    return definition.findings(
        {
            name: replace(
                CONTRACT,
                service=name.split(".")[0],
                handler=name.split(".")[1],
                has_compensation=not name.endswith((".send", ".log")),
            )
            for name in definition.contract_names
        }
    )


def frozen(definition: Definition[Transfer]) -> Graph:
    return definition.graph(
        {name: replace(CONTRACT, service="bank", handler=name.split(".")[1]) for name in definition.contract_names}
    )


def conditions(definition: Definition[Transfer]) -> dict[str, str | None]:
    return {step.name: step.condition for step in definition.outline().steps}


def refusal(write: Callable[[Definition[Transfer]], object]) -> Finding:
    with pytest.raises(DefinitionError) as caught:
        write(transfer())
    (found,) = caught.value.findings
    assert isinstance(found, Finding)
    return found


def test_comparisons_are_stored_as_cel() -> None:
    written = transfer()
    cents, country = written.input.cents, written.input.country
    large, far = cents > 100_000, ~country.is_in(["NO", "SE"])
    written.step("bank.reserve", when=large & far)
    written.step("bank.review", when=(country == 'N"O') | (cents.or_(0) <= 5))

    assert conditions(written) == {
        "reserve": '(input.cents > 100000) && (!(input.country in ["NO", "SE"]))',
        "review": '(input.country == "N\\"O") || ((input != null && "cents" in input && input.cents != null ? input.cents : 0) <= 5)',
    }


def test_a_block_gives_its_steps_a_condition_and_otherwise_the_opposite() -> None:
    written = transfer()
    with written.when(written.input.cents > 5):
        written.step("bank.review")
        with written.when(written.input.country != "NO"):
            written.step("bank.ask")
        with written.otherwise():
            written.step("bank.skip")
    with written.otherwise():
        written.step("bank.hurry", when=written.input.cents > 1)

    assert conditions(written) == {
        "review": "input.cents > 5",
        "ask": '(input.cents > 5) && (input.country != "NO")',
        "skip": '(input.cents > 5) && (!(input.country != "NO"))',
        "hurry": "(!(input.cents > 5)) && (input.cents > 1)",
    }


def test_a_definition_with_branches_is_read_back_with_the_same_hash() -> None:
    written = transfer()
    written.check(written.input.cents > 0, "nothing to send")
    reserved = written.step("bank.reserve", handled=True)
    asked = written.step("bank.ask", when=reserved.rejected, inputs={"why": reserved.reason})
    written.step("bank.tell", after=any_of(reserved, asked))
    written.returns(asked.output.or_({"answer": None}))

    graph = frozen(written)

    assert json.loads(graph.canonical)["format"] == 2
    assert graph_from_json(graph.canonical.decode()).hash == graph.hash
    assert isinstance(graph.steps[0], Check)
    assert graph.steps[graph.position("tell")].successes == 1


def test_a_step_comes_after_the_steps_that_its_condition_reads() -> None:
    written = transfer()
    reserved = written.step("bank.reserve")
    written.step("bank.review", when=reserved.output.risk > 5)
    written.step("bank.ask", when="steps.reserve.output.risk > 7")

    assert [step.after for step in written.outline().steps] == [(), ("reserve",), ("reserve",)]


@pytest.mark.parametrize(
    ("write", "code", "words"),
    [
        (lambda d: d.step("bank.ask", when="input.cents >"), Code.CONDITION_INVALID, "line 1, column 14: "),
        (
            lambda d: d.step("bank.ask", when="input[input.country]"),
            Code.CONDITION_INVALID,
            "has the type dyn and not bool",
        ),
        (lambda d: d.step("bank.ask", when=cast("Any", d.step)), Code.CONDITION_INVALID, "neither a comparison"),
        (lambda d: d.step("bank.ask", when="1 + 1"), Code.CONDITION_INVALID, "has the type int and not bool"),
        (lambda d: d.step("bank.ask", when="order.cents > 1"), Code.CONDITION_INVALID, "order"),
        (lambda d: d.step("bank.ask", when="steps.a.result == 1"), Code.CONDITION_INVALID, "of a step it can read"),
        (lambda d: d.step("bank.ask", when="input.cents > 1 || " * 200 + "true"), Code.CONDITION_INVALID, "characters"),
        (lambda d: d.step("bank.ask", when=transfer().input.cents > 1), Code.FOREIGN, "is about transfer v1"),
        (
            lambda d: d.step("bank.ask", when=d.input.cents == 1 & (d.input.cents > 1)),
            Code.CONDITION_MISUSED,
            "other side",
        ),
        (lambda d: d.step("bank.ask", when=(d.input.cents == 1) & True), Code.CONDITION_MISUSED, "not a condition"),
        (lambda d: d.step("bank.ask", when=d.input.cents > {1, 2}), Code.CONDITION_INVALID, "In a condition"),
        (lambda d: d.otherwise(), Code.CONDITION_MISUSED, "does not follow a block"),
        (lambda d: d.step("bank.ask", after=any_of()), Code.JOIN_INVALID, "1 of 0"),
        (lambda d: d.step("bank.ask", after=any_of(cast("Any", "reserve"))), Code.FOREIGN, "'reserve' is not a step"),
    ],
)
def test_what_cannot_be_a_condition_or_a_join_is_refused_where_it_is_written(
    write: Callable[[Definition[Transfer]], object], code: Code, words: str
) -> None:
    def written_and_checked(definition: Definition[Transfer]) -> None:
        write(definition)
        frozen(definition)

    found = refusal(written_and_checked)

    assert found.code is code
    assert words in found.reason


def test_a_result_that_may_be_absent_is_read_with_a_default_or_under_a_condition() -> None:
    written = transfer()
    reviewed = written.step("bank.review", when=written.input.cents > 5)
    asked = written.step("bank.ask", handled=True)
    written.step("bank.tell", inputs={"review": reviewed.output.or_(None), "answer": asked.output.or_("none")})
    with written.when(written.input.cents > 5):
        written.step("bank.file", inputs={"review": reviewed.output})
    with written.when(asked.rejected):
        written.step("bank.send_letter", inputs={"why": asked.reason})
    with written.otherwise():
        written.step("bank.greet", inputs=asked.output, when=~asked.rejected)

    assert findings(written) == ()

    written.step("bank.judge", inputs={"review": reviewed.output}, when=asked.output.sum > 5)
    written.returns({"why": asked.reason})

    assert [(found.code, found.place) for found in findings(written)] == [
        (Code.MAY_BE_ABSENT, "transfer v1, step judge, inputs"),
        (Code.MAY_BE_ABSENT, "transfer v1, step judge, when"),
        (Code.MAY_BE_ABSENT, "transfer v1, returns"),
    ]


def test_a_result_is_there_if_a_condition_says_so_even_before_a_comment() -> None:
    written = transfer()
    asked = written.step("bank.ask", handled=True)
    written.step("bank.judge", when="steps.ask.succeeded && steps.ask.output.sum > 5 // as agreed")
    written.step("bank.file", when=asked.rejected & (asked.reason == "busy"))

    assert findings(written) == ()


def test_a_reason_that_may_be_absent_is_compared_under_a_condition() -> None:
    written = transfer()
    asked = written.step("bank.ask", handled=True)
    written.step("bank.file", when=asked.reason == "busy")

    (found,) = findings(written)
    assert (found.code, found.place) == (Code.MAY_BE_ABSENT, "transfer v1, step file, when")


def test_the_same_condition_may_have_changed_if_it_is_about_a_step_that_was_under_way() -> None:
    written = transfer()
    first, second = (written.step("bank.ask", name=name, handled=True) for name in ("a", "b"))
    hurried = written.step("bank.hurry", after=any_of(first, second), when=second.rejected)
    written.step("bank.file", after=[hurried, second], when=second.rejected, inputs=hurried.output)

    (found,) = findings(written)
    assert (found.code, found.place) == (Code.MAY_BE_ABSENT, "transfer v1, step file, inputs")


def test_a_step_that_does_not_wait_for_all_others_is_not_the_pivot_unsaid() -> None:
    written = transfer()
    first, second = (written.step("bank.ask", name=name) for name in ("a", "b"))
    written.step("bank.send", after=any_of(first, second))

    (found,) = findings(written)
    assert (found.code, found.place) == (Code.COMPENSATION_MISSING, "transfer v1, step send")


def test_a_condition_reads_steps_that_have_finished() -> None:
    written = transfer()
    first = written.step("bank.first")
    second = written.step("bank.second")
    written.step("bank.ask", after=any_of(first, second), when=first.succeeded)
    third = written.step("bank.third")
    written.step("bank.answer", after=any_of(first, second), when=third.succeeded)
    written.step("bank.tell", when="steps.nobody.succeeded")

    assert [(found.code, found.place) for found in findings(written)] == [
        (Code.READS_UNORDERED, "transfer v1, step answer, when"),
        (Code.READS_UNKNOWN, "transfer v1, step tell, when"),
    ]


def test_a_check_of_the_input_comes_before_every_step_and_one_of_a_result_must_be_ordered() -> None:
    written = transfer()
    written.check(written.input.cents > 0, "nothing to send")
    sent = written.step("bank.send", pivot=True)

    assert findings(written) == ()

    logged = written.step("bank.log", after=sent, read_only=True)
    written.check(logged.output == "ok", "not logged")

    (found,) = findings(written)
    assert found.code is Code.CHECK_BEHIND_PIVOT
    assert "when the pivot send has passed" in found.reason


def test_a_pivot_is_not_handled_and_an_optional_step_is_read_only() -> None:
    written = transfer()
    written.step("bank.tell", optional=True)
    written.step("bank.log", optional=True, read_only=True)
    written.step("bank.send", pivot=True, handled=True, after=written.steps)

    assert [(found.code, found.place) for found in findings(written)] == [
        (Code.HANDLED_INVALID, "transfer v1, step tell"),
        (Code.HANDLED_INVALID, "transfer v1, step send"),
    ]


def test_a_join_that_may_fall_short_stands_before_the_pivot_or_is_handled() -> None:
    written = transfer()
    offers = [written.step("bank.ask", name=name, handled=True) for name in ("a", "b", "c")]
    chosen = written.step("bank.choose", after=at_least(2, offers))
    sent = written.step("bank.send", after=chosen, pivot=True)

    assert findings(written) == ()

    told = [written.step("bank.tell", name=name, after=sent, handled=True) for name in ("d", "e")]
    written.step("bank.log", after=any_of(*told), read_only=True, retriable=True)
    written.step("bank.file", after=any_of(*told), handled=True)

    (found,) = findings(written)
    assert (found.code, found.place) == (Code.JOIN_INVALID, "transfer v1, step log")
