from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from saga.authoring import Definition, Path, Retry, StepHandle
from saga.core.check.finding import Code, Severity
from saga.core.check.limits import ATTEMPTS_MAX, TIMEOUT_MS_MAX
from saga.core.definition.graph import Graph
from saga.core.definition.retry_policy import DEFAULT_RETRY, FAILURES_COUNTED_MAX
from saga.core.state.mode import Mode
from saga.errors import DefinitionError, UsageError
from tests.core.shop import Order, after, contracts, order, refusal_of


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
def test_an_input_type_without_a_schema_is_accepted(kind: object) -> None:
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


def test_a_path_to_an_earlier_step_adds_no_edge() -> None:
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


@pytest.mark.parametrize(
    ("mode", "before", "after"), [(Mode.EXTERNAL, None, None), (Mode.TRANSACTIONAL, 10, 20), (Mode.JOURNALED, 10, 20)]
)
def test_attempts_depend_on_the_mode_of_a_step_and_on_where_it_stands(
    mode: Mode, before: int | None, after: int | None
) -> None:
    definition = order()
    held = definition.step("shop.reserve")
    sent = definition.step("shop.ship", after=held, pivot=True)
    definition.step("shop.charge", retriable=True)
    told = definition.step("shop.confirm", after=sent)
    definition.step("shop.wrap", after=told)

    steps = definition.graph(contracts(**dict.fromkeys(("reserve", "ship", "charge", "confirm", "wrap"), mode))).steps

    assert {step.name: step.retry.attempts for step in steps} == {
        "reserve": before, "ship": before, "charge": after, "confirm": after, "wrap": after,
    }  # fmt: skip
    assert {step.compensation_retry.attempts for step in steps} == {None}


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


def test_the_default_retry_outlasts_a_restart_of_a_database() -> None:
    policy = Retry().policy(DEFAULT_RETRY.attempts)
    pauses = [policy.pause_seconds(failures, 0.0) for failures in range(1, DEFAULT_RETRY.attempts or 0)]

    assert policy == DEFAULT_RETRY
    assert 60 < sum(pauses) < 66


def test_attempts_beyond_what_a_command_counts_end_where_its_counter_ends() -> None:
    policy = replace(DEFAULT_RETRY, attempts=1_000_000)

    assert not policy.is_exhausted(FAILURES_COUNTED_MAX - 1)
    assert policy.is_exhausted(FAILURES_COUNTED_MAX)


HUGE = 10**400
UNPRINTABLE = 10**5_000  # Python refuses to write a number of more than 4,300 digits


@pytest.mark.parametrize(
    "version", [0, -1, 2**31, HUGE, 1.5, True, "1", None, math.nan], ids=lambda value: repr(value)[:9]
)
def test_a_version_is_checked_where_it_is_written(version: Any) -> None:
    finding = refusal_of(lambda: Definition("order", version))

    assert (finding.code, finding.place) == (Code.VERSION_INVALID, "order")
    assert len(str(finding)) < 200


@pytest.mark.parametrize("field", ["attempts", "factor", "jitter", "first", "cap", "give_up_after"])
@pytest.mark.parametrize(
    "value", [-1, HUGE, -math.inf, math.inf, math.nan, True, [1], "x"], ids=lambda value: repr(value)[:9]
)
def test_a_retry_is_checked_where_it_is_written(field: str, value: Any) -> None:
    with pytest.raises(DefinitionError) as refusal:
        Retry(**{field: value})

    assert str(refusal.value).startswith(f"Retry({field}=")
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("attempts", [0, ATTEMPTS_MAX + 1, 2.0, "3"])
def test_attempts_are_a_whole_number_that_a_command_can_count(attempts: Any) -> None:
    with pytest.raises(DefinitionError, match=f"it must be a whole number from 1 to {ATTEMPTS_MAX}"):
        Retry(attempts=attempts)


def test_the_longest_timeout_is_stored_and_a_longer_one_is_refused_where_it_is_written() -> None:
    definition = order()
    definition.step("shop.reserve", timeout="24d")
    with pytest.raises(
        DefinitionError, match=r"order v1, step ship: timeout='25d' is longer than 24d\. Start the work in"
    ):
        definition.step("shop.ship", timeout="25d")

    assert definition.graph(contracts()).steps[0].timeout_ms == TIMEOUT_MS_MAX < 2**31


@pytest.mark.parametrize("attempts", [1, 7, None])
def test_explicit_attempts_apply_everywhere(attempts: int | None) -> None:
    definition = order()
    retry = Retry(attempts=attempts)
    definition.step("shop.reserve", retry=retry, compensation_retry=retry, retriable=True)

    (step,) = definition.graph(contracts()).steps

    assert step.retry.attempts == step.compensation_retry.attempts == attempts


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
        ({"attempts": UNPRINTABLE}, "Retry(attempts=...): it must be a whole number"),
        ({"jitter": UNPRINTABLE}, "Retry(jitter=...): it must be a number"),
        ({"first": "1 second"}, "Retry(first=...): '1 second' cannot be used as a duration"),
        ({"first": "1m"}, "Retry(cap='30s'): it must be not below first='1m'."),
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


def test_a_version_of_thousands_of_digits_is_refused_like_any_other() -> None:
    with pytest.raises(DefinitionError, match=r"order: The version \.\.\. is not a whole number"):
        Definition("order", version=UNPRINTABLE)


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


def test_default_pauses_that_outlast_a_short_deadline_are_not_a_warning() -> None:
    definition = Definition("order", deadline="30s")
    definition.step("shop.reserve")

    assert definition.findings(contracts(reserve=Mode.JOURNALED)) == ()


def test_a_read_only_step_needs_no_compensation() -> None:
    definition = order()
    looked = definition.step("shop.reserve", read_only=True)
    definition.step("shop.charge", after=looked)

    assert definition.graph(contracts("reserve")).steps[0].read_only


def test_an_error_of_a_definition_is_not_a_usage_error() -> None:
    """A handler for wrong calls must not catch faults of a definition."""
    assert not issubclass(DefinitionError, UsageError)
    assert isinstance(order().step("shop.reserve"), StepHandle)
