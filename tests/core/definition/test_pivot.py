from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.core.check.finding import Code
from saga.core.check.safety import accept
from saga.core.definition.contract import Contract
from saga.core.definition.ordering import ordering
from saga.errors import DefinitionError
from tests.core.samples import (
    CHAIN,
    CONTRACT,
    change,
    contracts,
    edges,
    findings,
    outline,
    plain,
    step,
    the_finding,
    with_pivot,
)


def test_two_pivots_are_refused() -> None:
    finding = the_finding(with_pivot(with_pivot(CHAIN, "charge"), "ship"))

    assert finding.code is Code.SEVERAL_PIVOTS
    assert finding.reason == "It has more than one pivot: charge, ship."


def test_a_step_beside_the_pivot_has_to_be_retriable() -> None:
    written = with_pivot(outline(step("a"), step("p", "a"), step("beside", "a")), "p")

    finding = the_finding(written)

    assert (finding.code, finding.place) == (Code.NOT_RETRIABLE, "order v1, step beside")
    assert "beside the pivot p" in finding.reason
    assert findings(change(written, "beside", retriable=True)) == []


def test_a_step_behind_the_pivot_has_to_be_retriable() -> None:
    written = with_pivot(CHAIN, "charge")

    assert "behind the pivot charge" in the_finding(written).reason
    assert findings(change(written, "ship", retriable=True)) == []


def test_the_pivot_and_the_steps_behind_it_need_no_compensation() -> None:
    written = change(with_pivot(CHAIN, "charge"), "ship", retriable=True)

    assert findings(written, plain("charge"), plain("ship")) == []


def test_a_step_before_the_pivot_needs_a_compensation() -> None:
    finding = the_finding(with_pivot(CHAIN, "ship"), plain("reserve"))

    assert (finding.code, finding.place) == (Code.COMPENSATION_MISSING, "order v1, step reserve")


def test_a_step_beside_the_pivot_needs_a_compensation() -> None:
    """It may have finished when the pivot rejects."""
    written = change(with_pivot(outline(step("p"), step("beside")), "p"), "beside", retriable=True)

    assert the_finding(written, plain("beside")).code is Code.COMPENSATION_MISSING


def test_a_read_only_step_needs_no_compensation() -> None:
    assert findings(change(CHAIN, "reserve", read_only=True), plain("reserve")) == []
    assert findings(CHAIN, replace(plain("reserve"), read_only=True)) == []


def test_without_a_pivot_every_branch_needs_a_compensation() -> None:
    written = outline(step("a"), step("b", "a"), step("c", "a"))

    found = findings(written, plain("b"), plain("c"))

    assert [(finding.code, finding.place) for finding in found] == [
        (Code.COMPENSATION_MISSING, "order v1, step b"),
        (Code.COMPENSATION_MISSING, "order v1, step c"),
    ]


def test_a_step_before_a_retriable_tail_needs_a_compensation() -> None:
    """A deadline or a cancel rolls back between the two, whatever the tail promises."""
    written = change(change(CHAIN, "charge", retriable=True), "ship", retriable=True)

    assert the_finding(written, plain("charge")).place == "order v1, step charge"


def test_a_closing_step_without_compensation_becomes_the_pivot() -> None:
    written = outline(step("a"), step("b"), step("last", "a", "b"))

    graph = accept(written, contracts(written, plain("last")))

    assert graph.steps[graph.pivot].name == "last"


@pytest.mark.parametrize("contract", [replace(CONTRACT, handler="ship"), replace(plain("ship"), read_only=True)])
def test_a_closing_step_that_is_undone_or_has_no_effect_is_not_the_pivot(contract: Contract) -> None:
    assert accept(CHAIN, contracts(CHAIN, contract)).pivot == -1


def test_a_single_step_needs_nothing() -> None:
    assert findings(outline(step("a")), plain("a")) == []


@given(edges, st.sets(st.integers(0, 7)), st.none() | st.integers(0, 7), st.sets(st.integers(0, 7)))
def test_an_accepted_definition_can_always_be_undone_or_finished(
    after: list[list[int]], uncompensated: set[int], pivot: int | None, retriable: set[int]
) -> None:
    """A step that can be rolled back after its success has a compensation; a step that can reject runs before the pivot."""
    names = [f"s{number}" for number in range(len(after))]
    steps = [
        replace(
            step(name, *(names[before] for before in befores)), pivot=number == pivot, retriable=number in retriable
        )
        for number, (name, befores) in enumerate(zip(names, after, strict=True))
    ]
    written = outline(*steps)
    bare = [plain(names[number]) for number in uncompensated if number < len(names)]
    try:
        graph = accept(written, contracts(written, *bare))
    except DefinitionError:
        return

    order = ordering([step.after for step in graph.steps])
    for position, frozen in enumerate(graph.steps):
        is_final = graph.pivot >= 0 and (position == graph.pivot or order.is_before(graph.pivot, position))
        assert frozen.compensation or is_final
        assert frozen.retriable or graph.pivot in (-1, position) or order.is_before(position, graph.pivot)
