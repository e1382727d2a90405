"""Contracts, outlines and graphs for the tests of the core, and hypothesis strategies of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from hypothesis import strategies as st

from saga.core.check.finding import Finding
from saga.core.check.safety import check
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.outline import Outline, StepOutline
from saga.core.definition.paths import INTEGER_MAX, input_path, literal_key, output_path
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.definition.step import Call, Step
from saga.core.state.mode import Mode

RETRY = RetryPolicy(
    attempts=5, first_ms=200, cap_ms=30_000, factor_percent=200, jitter_percent=20, give_up_after_ms=None
)
COMPENSATION_RETRY = replace(RETRY, attempts=None)

CONTRACT = Contract(
    service="shop",
    handler="any",
    mode=Mode.EXTERNAL,
    has_compensation=True,
    has_probe=False,
    read_only=False,
    input_schema=None,
    output_schema=None,
    handler_version=None,
)

STEP = StepOutline(
    name="any",
    service="shop",
    handler="any",
    after=(),
    pivot=False,
    retriable=False,
    read_only=False,
    timeout_ms=30_000,
    retry=RETRY,
    compensation_retry=COMPENSATION_RETRY,
    inputs=None,
)


def step(name: str, *after: str) -> StepOutline:
    """A step of service shop, whose handler has the name of the step."""
    return replace(STEP, name=name, handler=name, after=after)


def outline(*steps: StepOutline) -> Outline:
    return Outline(
        name="order",
        version=1,
        steps=steps,
        deadline_ms=120_000,
        compensation_budget_ms=86_400_000,
        returns=None,
        input_schema=None,
    )


def contracts(written: Outline, *changed: Contract) -> dict[str, Contract]:
    """A contract with a compensation for every step, but for those that are given."""
    ordinary = {
        step.contract_name: replace(CONTRACT, service=step.service, handler=step.handler) for step in written.calls
    }
    return ordinary | {contract.name: contract for contract in changed}


def plain(handler: str) -> Contract:
    """The contract of a step that cannot be undone."""
    return replace(CONTRACT, handler=handler, has_compensation=False)


CHAIN = outline(step("reserve"), step("charge", "reserve"), step("ship", "charge"))


def findings(written: Outline, *changed: Contract) -> list[Finding]:
    return list(check(written, contracts(written, *changed)))


def the_finding(written: Outline, *changed: Contract) -> Finding:
    (finding,) = findings(written, *changed)
    return finding


def change(written: Outline, title: str, **fields: object) -> Outline:
    """The outline with one step changed."""
    steps = (replace(step, **cast("Any", fields)) if step.name == title else step for step in written.steps)
    return replace(written, steps=tuple(steps))


def with_pivot(written: Outline, name: str) -> Outline:
    return change(written, name, pivot=True)


names = st.sampled_from(["a", "b", "charge", "reserve_2", "ship", "x_"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(-INTEGER_MAX, INTEGER_MAX)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(["$path", "$$path", "$", "$x"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
segments = st.lists(keys | st.integers(0, 5), max_size=3).map(tuple)


def templates(steps: tuple[str, ...]) -> st.SearchStrategy[Json]:
    """Templates that read the input and these steps."""
    leaves = scalars | segments.map(input_path)
    if steps:
        leaves |= st.builds(output_path, st.sampled_from(steps), segments)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys.map(literal_key), inner, max_size=3),
        max_leaves=4,
    )


policies = st.builds(
    RetryPolicy,
    attempts=st.sampled_from([None, 1, 5]),
    first_ms=st.sampled_from([0, 200]),
    cap_ms=st.sampled_from([200, 30_000]),
    factor_percent=st.sampled_from([100, 150]),
    jitter_percent=st.sampled_from([0, 20]),
    give_up_after_ms=st.sampled_from([None, 60_000]),
)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Graphs of up to four steps with every field in use; sound in form, not in what safety asks."""
    titles = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    steps = [_step(draw, title, position) for position, title in enumerate(titles)]
    return Graph(
        name=draw(names),
        version=draw(st.integers(1, 9)),
        steps=tuple(steps),
        deadline_ms=draw(st.none() | st.integers(1, 10**9)),
        compensation_budget_ms=draw(st.integers(1, 10**9)),
        returns=draw(templates(tuple(titles))),
    )


def _step(draw: st.DrawFn, title: str, position: int) -> Step:
    after = draw(st.sets(st.integers(0, position - 1), max_size=3)) if position else set()
    return Call(
        name=title,
        service=draw(names),
        handler=draw(names),
        mode=draw(st.sampled_from(Mode)),
        after=tuple(sorted(after)),
        pivot=draw(st.booleans()),
        retriable=draw(st.booleans()),
        read_only=draw(st.booleans()),
        compensation=draw(st.booleans()),
        probe=draw(st.booleans()),
        timeout_ms=draw(st.integers(1, 10**6)),
        retry=draw(policies),
        compensation_retry=draw(policies),
        inputs=draw(templates(())),
        reads=(),
    )


edges = st.lists(st.sets(st.integers(0, 7)).map(sorted), max_size=8).map(
    lambda after: [[before for before in befores if before < len(after)] for befores in after]
)
