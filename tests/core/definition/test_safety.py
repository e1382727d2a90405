from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.core.check.contracts import check_frozen
from saga.core.check.finding import Code, Severity
from saga.core.check.safety import accept, check
from saga.core.definition.graph import DEFINITION_BYTES_MAX, STEPS_MAX
from saga.core.definition.names import NAME_CHARS_MAX, is_name
from saga.core.definition.outline import Outline, StepOutline
from saga.core.definition.paths import output_path
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.duration import DURATION_MS_MAX
from saga.core.state.mode import Mode
from saga.errors import DefinitionError
from tests.core.samples import (
    CHAIN,
    CONTRACT,
    RETRY,
    change,
    contracts,
    findings,
    outline,
    plain,
    step,
    the_finding,
    with_pivot,
)


def test_a_chain_of_compensated_steps_is_safe() -> None:
    assert findings(CHAIN) == []


def test_parallel_branches_with_a_join_are_safe() -> None:
    assert findings(outline(step("a"), step("b", "a"), step("c", "a"), step("d", "b", "c"))) == []


# -- the whole definition ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "Order", "1st", "my-order", "a.b", "a b", "ordér", "a" * (NAME_CHARS_MAX + 1), "a\n"]
)
def test_a_definition_with_an_invalid_name_is_refused(name: str) -> None:
    finding = the_finding(replace(CHAIN, name=name))

    assert finding.code is Code.NAME_INVALID
    assert repr(name) in finding.reason


@pytest.mark.parametrize("version", [0, -1, 2**31])
def test_a_version_outside_its_range_is_refused(version: int) -> None:
    assert the_finding(replace(CHAIN, version=version)).code is Code.VERSION_INVALID


def test_a_definition_without_steps_is_refused() -> None:
    assert the_finding(outline()).code is Code.NO_STEPS


@pytest.mark.parametrize("deadline_ms", [0, -1, DURATION_MS_MAX + 1])
def test_a_deadline_outside_its_range_is_refused(deadline_ms: int) -> None:
    found = findings(replace(CHAIN, deadline_ms=deadline_ms))

    assert [finding.code for finding in found if finding.severity is Severity.ERROR] == [Code.TIME_INVALID]
    assert "The deadline is" in found[0].reason


def test_a_definition_may_have_no_deadline() -> None:
    assert findings(replace(CHAIN, deadline_ms=None)) == []


@pytest.mark.parametrize("budget_ms", [0, DURATION_MS_MAX + 1])
def test_a_compensation_budget_outside_its_range_is_refused(budget_ms: int) -> None:
    finding = the_finding(replace(CHAIN, compensation_budget_ms=budget_ms))

    assert finding.code is Code.TIME_INVALID
    assert "compensation budget" in finding.reason


def test_two_steps_of_one_name_are_refused() -> None:
    finding = the_finding(outline(step("a"), step("b", "a"), step("a", "b")))

    assert finding.code is Code.NAME_TWICE
    assert finding.reason == "2 steps are called a."


def test_more_steps_than_allowed_are_refused() -> None:
    steps = (step(f"s{number}") for number in range(STEPS_MAX + 1))

    assert the_finding(outline(*steps)).code is Code.TOO_MANY_STEPS


def test_as_many_steps_as_allowed_are_accepted() -> None:
    steps = (step(f"s{number}") for number in range(STEPS_MAX))

    assert findings(outline(*steps)) == []


def test_more_edges_than_allowed_are_refused() -> None:
    early = [f"a{number}" for number in range(71)]
    late = [f"b{number}" for number in range(71)]
    steps = [*(step(name) for name in early), *(step(name, *early) for name in late)]

    finding = the_finding(outline(*steps))

    assert finding.code is Code.TOO_MANY_EDGES
    assert "5041" in finding.reason


def test_a_definition_of_too_many_bytes_is_refused() -> None:
    finding = the_finding(replace(CHAIN, returns="x" * DEFINITION_BYTES_MAX))

    assert finding.code is Code.TOO_MANY_BYTES


# -- one step by itself -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["service", "handler"])
def test_a_step_with_an_invalid_service_or_handler_is_refused(field: str) -> None:
    finding = the_finding(change(CHAIN, "charge", **{field: "Not-good"}))

    assert finding.code is Code.NAME_INVALID
    assert finding.place == "order v1, step charge"
    assert finding.reason == f"'Not-good' cannot name a {field}."


def test_a_step_with_an_invalid_name_is_refused() -> None:
    assert the_finding(change(CHAIN, "ship", name="Ship")).code is Code.NAME_INVALID


@pytest.mark.parametrize("timeout_ms", [0, DURATION_MS_MAX + 1])
def test_a_timeout_outside_its_range_is_refused(timeout_ms: int) -> None:
    finding = the_finding(change(CHAIN, "charge", timeout_ms=timeout_ms))

    assert finding.code is Code.TIME_INVALID
    assert "timeout" in finding.reason


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"attempts": 0}, "attempts"),
        ({"attempts": 1_000_001}, "attempts"),
        ({"first_ms": -1}, "negative pause"),
        ({"cap_ms": 100}, "cap below its first pause"),
        ({"cap_ms": DURATION_MS_MAX + 1}, "longer than 3650d"),
        ({"factor_percent": 99}, "factor"),
        ({"factor_percent": 100_001}, "factor"),
        ({"jitter_percent": 101}, "jitter"),
        ({"jitter_percent": -1}, "jitter"),
        ({"give_up_after_ms": 0}, "gives up after no time"),
    ],
)
@pytest.mark.parametrize(("field", "kind"), [("retry", "retry"), ("compensation_retry", "compensation_retry")])
def test_an_impossible_retry_policy_is_refused(field: str, kind: str, changed: dict[str, int], words: str) -> None:
    written = replace(CHAIN, deadline_ms=None)
    policy = replace(getattr(written.steps[0], field), **changed)

    finding = the_finding(change(written, "reserve", **{field: policy}))

    assert finding.code is Code.RETRY_INVALID
    assert finding.reason.startswith(f"Its {kind} ")
    assert words in finding.reason


@pytest.mark.parametrize("changed", [{"attempts": 50}, {"attempts": 5, "first_ms": 100_000, "cap_ms": 100_000}])
def test_pauses_beyond_the_deadline_are_a_warning(changed: dict[str, int]) -> None:
    policy = replace(CHAIN.calls[0].retry, **changed)

    finding = the_finding(change(CHAIN, "reserve", retry=policy))

    assert finding.code is Code.RETRY_BEYOND_DEADLINE
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    "policy",
    [
        replace(RETRY, attempts=None),
        replace(RETRY, attempts=50, give_up_after_ms=60_000),
        replace(RETRY, attempts=1_000_000, first_ms=0),
    ],
)
def test_a_retry_that_ends_within_the_deadline_is_accepted(policy: RetryPolicy) -> None:
    assert findings(change(CHAIN, "reserve", retry=policy)) == []


def test_a_retriable_step_may_try_for_longer_than_the_deadline() -> None:
    policy = replace(CHAIN.calls[0].retry, attempts=50)

    assert findings(change(CHAIN, "reserve", retry=policy, retriable=True)) == []


@pytest.mark.parametrize("template", [{"$path": ["output"]}, {"$if": 1}, float("nan"), object()])
def test_a_malformed_template_is_refused_where_it_stands(template: object) -> None:
    inputs = the_finding(change(CHAIN, "charge", inputs=[template]))
    returns = the_finding(replace(CHAIN, returns=[template]))

    assert (inputs.code, inputs.place) == (Code.TEMPLATE_INVALID, "order v1, step charge, inputs")
    assert (returns.code, returns.place) == (Code.TEMPLATE_INVALID, "order v1, returns")


# -- edges and what is read along them --------------------------------------------------------------------------------


def test_a_predecessor_that_is_not_a_step_is_refused() -> None:
    finding = the_finding(outline(step("a"), step("b", "a", "c")))

    assert finding.code is Code.UNKNOWN_PREDECESSOR
    assert finding.reason == "It comes after c, which is not a step."
    assert finding.remedy == "The steps are: a, b."


@pytest.mark.parametrize(
    ("steps", "walk"),
    [
        ((step("a", "a"),), "a -> a"),
        ((step("a", "b"), step("b", "a")), "b -> a -> b"),
        ((step("a"), step("b", "a", "d"), step("c", "b"), step("d", "c"), step("e", "d")), "c -> d -> b -> c"),
    ],
)
def test_a_cycle_is_refused_with_its_walk(steps: tuple[StepOutline, ...], walk: str) -> None:
    finding = the_finding(outline(*steps))

    assert finding.code is Code.CYCLE
    assert finding.reason == f"These steps wait for each other: {walk}."


def test_every_cycle_is_found() -> None:
    found = findings(outline(step("a", "b"), step("b", "a"), step("c", "d"), step("d", "c"), step("e", "a", "d")))

    assert [finding.code for finding in found] == [Code.CYCLE, Code.CYCLE]


def test_inputs_that_read_no_step_are_refused() -> None:
    finding = the_finding(change(CHAIN, "charge", inputs=output_path("refund", ())))

    assert finding.code is Code.READS_UNKNOWN


def test_returns_that_read_no_step_are_refused() -> None:
    finding = the_finding(replace(CHAIN, returns=output_path("refund", ())))

    assert (finding.code, finding.place) == (Code.READS_UNKNOWN, "order v1, returns")


@pytest.mark.parametrize("read", ["charge", "ship"])
def test_inputs_that_read_a_step_that_is_not_ordered_before_are_refused(read: str) -> None:
    finding = the_finding(change(CHAIN, "charge", inputs={"a": output_path(read, ())}))

    assert finding.code is Code.READS_UNORDERED
    assert f"the output of {read}" in finding.reason


def test_inputs_may_read_any_step_that_is_ordered_before() -> None:
    assert findings(change(CHAIN, "ship", inputs=output_path("reserve", ("id",)))) == []


def test_returns_may_read_every_step() -> None:
    assert findings(replace(CHAIN, returns=[output_path("reserve", ()), output_path("ship", ())])) == []


# -- contracts --------------------------------------------------------------------------------------------------------


def test_every_missing_contract_is_an_error() -> None:
    found = check(CHAIN, {})

    assert {finding.code for finding in found} == {Code.CONTRACT_MISSING}
    assert [finding.place.rpartition(" ")[2] for finding in found] == ["reserve", "charge", "ship"]


@pytest.mark.parametrize("mode", [Mode.TRANSACTIONAL, Mode.JOURNALED])
def test_a_probe_of_a_step_that_is_not_external_is_a_warning(mode: Mode) -> None:
    finding = the_finding(CHAIN, replace(CONTRACT, handler="charge", mode=mode, has_probe=True))

    assert (finding.code, finding.severity) == (Code.PROBE_WITHOUT_USE, Severity.WARNING)


def test_a_probe_of_an_external_step_is_accepted() -> None:
    assert findings(CHAIN, replace(CONTRACT, handler="charge", has_probe=True)) == []


@pytest.mark.parametrize("says", ["definition", "contract"])
def test_a_read_only_step_with_a_compensation_is_refused(says: str) -> None:
    written = change(CHAIN, "charge", read_only=True) if says == "definition" else CHAIN
    contract = replace(CONTRACT, handler="charge", read_only=says == "contract")

    assert the_finding(written, contract).code is Code.READ_ONLY_COMPENSATED


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"mode": Mode.JOURNALED}, "it is journaled now, and was external"),
        ({"has_compensation": False}, "its compensation is gone"),
        ({"has_probe": False}, "its probe is gone"),
    ],
)
def test_a_contract_that_took_something_back_is_found(changed: dict[str, Any], words: str) -> None:
    before = replace(CONTRACT, handler="charge", has_probe=True)
    graph = accept(CHAIN, contracts(CHAIN, before))

    (finding,) = check_frozen(graph, contracts(CHAIN, replace(before, **changed)))

    assert (finding.code, finding.place) == (Code.CONTRACT_CHANGED, "order v1, step charge")
    assert words in finding.reason


def test_a_contract_that_is_gone_is_found() -> None:
    offered = contracts(CHAIN)
    graph = accept(CHAIN, offered)

    (finding,) = check_frozen(graph, {name: contract for name, contract in offered.items() if name != "shop.ship"})

    assert finding.code is Code.CONTRACT_MISSING


def test_a_contract_that_offers_more_than_before_is_accepted() -> None:
    graph = accept(CHAIN, contracts(CHAIN, plain("ship")))

    assert check_frozen(graph, contracts(CHAIN, replace(CONTRACT, handler="ship", has_probe=True))) == ()


# -- how findings are told --------------------------------------------------------------------------------------------


def test_all_errors_are_raised_at_once_one_a_line() -> None:
    written = replace(with_pivot(with_pivot(CHAIN, "charge"), "ship"), version=0)

    with pytest.raises(DefinitionError) as refusal:
        accept(written, {})

    headline, *lines = str(refusal.value).splitlines()
    assert headline == "definition order v0 cannot be accepted:"
    assert len(lines) == len(refusal.value.findings) == 5


def test_warnings_do_not_refuse_a_definition() -> None:
    external = replace(CONTRACT, handler="charge", mode=Mode.TRANSACTIONAL, has_probe=True)

    assert accept(CHAIN, contracts(CHAIN, external)).steps[1].probe


def test_errors_come_before_warnings() -> None:
    probed = replace(CONTRACT, handler="reserve", mode=Mode.TRANSACTIONAL, has_probe=True)

    found = findings(replace(CHAIN, version=0), probed)

    assert [finding.severity for finding in found] == [Severity.ERROR, Severity.WARNING]


def test_a_finding_reads_as_place_reason_and_remedy() -> None:
    assert str(the_finding(outline())) == "order v1: It has no steps. Add at least one step."


BROKEN: list[Callable[[], Outline]] = [
    lambda: replace(CHAIN, name="X", version=0, deadline_ms=0, compensation_budget_ms=0, returns=object()),
    lambda: change(CHAIN, "ship", name="S", service="S", handler="", timeout_ms=0, inputs={"$path": 1}, after=("x",)),
    lambda: outline(step("a", "b"), step("b", "a"), step("a")),
    lambda: with_pivot(CHAIN, "reserve"),
    outline,
]


@pytest.mark.parametrize("written", BROKEN)
def test_every_finding_has_a_place_a_reason_and_a_remedy_in_sentences(written: Callable[[], Outline]) -> None:
    for finding in check(written(), {}):
        assert finding.place
        assert finding.reason.endswith(".")
        assert finding.remedy.endswith(".")


@given(st.text(max_size=70))
def test_a_name_has_only_lower_case_letters_digits_and_underscores(text: str) -> None:
    alphabet = set("abcdefghijklmnopqrstuvwxyz0123456789_")
    rule = 0 < len(text) <= NAME_CHARS_MAX and set(text) <= alphabet and text[0].isalpha()

    assert is_name(text) == rule
