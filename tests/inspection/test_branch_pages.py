"""Pages of sagas that take different ways: skipped and handled steps, checks, joins that count. The sagas are constructed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from msgspec import structs

from saga.cli.sagas import definitions, show
from saga.core.condition.rejection import rejection_document
from saga.core.definition.paths import output_path, with_default
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.inspection.actions.basis import basis_of
from saga.inspection.actions.plan import plan_of
from saga.inspection.actions.plan_page import plan_lines
from saga.inspection.actions.request import ActionRequest
from saga.inspection.documents import saga_document
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.drawing.picture import picture_of_definition
from saga.inspection.masking.shown import payloads_of
from saga.inspection.summaries.effects import effects_document
from saga.inspection.why import why
from saga.inspection.wording import clock_of, sentence
from saga.ports.saga_detail import HistoryLine, SagaDetail, StepRecord
from tests.cli.test_pages import NOW, SAGA, _greenwich, rendered  # noqa: F401 (the time zone)
from tests.cli.test_why import assert_golden
from tests.core.graphs import check, graph, step

REVIEWED: Final = graph(
    check("affordable", holds="input.cents <= 100000"),
    step("reserve", "J", after=(0,)),
    step("review", "X", after=(1,), condition="steps.reserve.output.risk > 0.5", handled=True),
    step(
        "letter",
        "X",
        after=(2,),
        condition="steps.review.rejected",
        optional=True,
        read_only=True,
        compensation=False,
    ),
    step("first", "X", after=(1,), handled=True),
    step("second", "X", after=(1,), handled=True),
    step("send", "T", after=(4, 5), successes=1, pivot=True),
    step("invoice", "X", after=(6,), condition='input.country == "CH"'),
)
GONE_ON: Final = SagaDetail(
    saga=SAGA,
    graph=REVIEWED,
    state=State(Phase.RUNNING, "SSHSHSSd", False, False, None, None),  # noqa: FBT003
    now=NOW,
    started_at=NOW - 90,
    ended_at=None,
    wake_at=NOW + 20,
    key="order-1018",
    tags=None,
    input=b'{"cents":80000}',
    commands={},
    records={
        1: StepRecord(NOW - 88, "shop-1:4711", 1, b'{"risk": 0.9}'),
        2: StepRecord(NOW - 80, "shop-1:4711", 2, rejection_document("no such customer")),
        3: StepRecord(NOW - 78, "shop-1:4711", 1, b'"sent"'),
        4: StepRecord(NOW - 87, "shop-1:4711", 1, rejection_document("sold out")),
        5: StepRecord(NOW - 86, "shop-1:4711", 1, b"7"),
        6: StepRecord(NOW - 70, "shop-1:4711", 1, b"true"),
    },
    history=(
        HistoryLine(NOW - 90, "started", None, None, "SDPPPPPP", "desk:815"),
        HistoryLine(NOW - 90, "succeeded", 0, None, "SDPPPPPP", "desk:815"),
        HistoryLine(NOW - 88, "succeeded", 1, None, "SSDPDDPP", "shop-1:4711"),
        HistoryLine(NOW - 87, "rejected, handled", 4, "sold out", "SSDPHDPP", "shop-1:4711"),
        HistoryLine(NOW - 86, "succeeded", 5, None, "SSDPHSDP", "shop-1:4711"),
        HistoryLine(NOW - 80, "rejected, handled", 2, "no such customer", "SSHDHSDP", "shop-1:4711"),
        HistoryLine(NOW - 78, "succeeded", 3, None, "SSHSHSDP", "shop-1:4711"),
        HistoryLine(NOW - 70, "succeeded", 6, None, "SSHSHSSd", "shop-1:4711"),
        HistoryLine(
            NOW - 70, "quarantined", 7,
            "its condition cannot be evaluated: No such key: country: it has not begun, and the pivot has passed",
            "SSHSHSSd", "shop-1:4711",
        ),
    ),
    serving={"service": ("shop-1:4711",)},
    leader="watch:1",
)  # fmt: skip
SKIPPED_LINE: Final = HistoryLine(NOW - 70, "skipped: its condition is false", 7, None, "SSHSHSSN", "shop-1:4711")
BY_HAND: Final = HistoryLine(NOW - 60, "skipped by an operator", 7, None, "SSHSHSSN", "desk:815")


def at_the_end(line: HistoryLine) -> SagaDetail:
    """The same saga, whose last step was skipped in place of being quarantined."""
    before = [note for note in GONE_ON.history if note.at < NOW - 70]
    passed = HistoryLine(NOW - 70, "succeeded", 6, None, line.vector, "shop-1:4711")
    return replace(GONE_ON, state=structs.replace(GONE_ON.state, vector="SSHSHSSN"), history=(*before, passed, line))


@pytest.mark.parametrize("columns", [80, 120])
def test_a_saga_shows_its_checks_and_why_a_step_was_skipped_or_handled(columns: int) -> None:
    text = rendered(show.saga_page(GONE_ON), columns)

    assert max(map(len, text.splitlines())) <= columns
    assert_golden(f"show_branches_{columns}", text)


def test_a_definition_with_branches_says_what_each_step_waits_for() -> None:
    assert_golden("definition_branches", rendered(definitions.tree_page(REVIEWED), 120) + flow_chart(REVIEWED) + "\n")


def test_a_document_has_the_kind_of_each_step_and_the_reason_of_its_state() -> None:
    steps = saga_document(at_the_end(SKIPPED_LINE))["steps"]

    assert [(one["kind"], one["attempts"], one["reason"]) for one in steps] == [
        ("check", 0, None),
        ("call", 1, None),
        ("call", 2, "no such customer"),
        ("call", 1, None),
        ("call", 1, "sold out"),
        ("call", 1, None),
        ("call", 1, None),
        ("call", 0, 'its condition is false: input.country == "CH"'),
    ]


def test_a_step_that_an_operator_skipped_says_so() -> None:
    last = saga_document(at_the_end(BY_HAND))["steps"][-1]

    assert (last["state"], last["reason"]) == ("skipped", "an operator goes on without it")


def test_what_is_said_of_a_step_does_not_need_old_history() -> None:
    steps = saga_document(replace(at_the_end(BY_HAND), history=()))["steps"]

    assert [one["reason"] for one in steps] == [None, None, "no such customer", None, "sold out", None, None, None]


def test_a_line_without_a_command_has_no_operation() -> None:
    lines = saga_document(at_the_end(SKIPPED_LINE))["history"]

    assert [line["operation"] for line in lines] == [None, None, *(["execute"] * 6), None]


def test_a_step_that_has_not_begun_is_skipped_or_run_all_the_same() -> None:
    assert_golden("why_not_begun", sentence(GONE_ON, why(GONE_ON), clock_of(NOW)) + "\n")


def test_a_completed_saga_says_without_which_steps_it_went_on() -> None:
    ended = at_the_end(SKIPPED_LINE)
    completed = replace(ended, state=structs.replace(ended.state, phase=Phase.COMPLETED), ended_at=NOW)

    assert why(completed).note == "it went on without review (no such customer), first (sold out)"


def test_a_rollback_is_planned_from_behind_steps_that_have_no_effect() -> None:
    """A handled and a skipped step are clear only when what ran behind them is."""
    before_pivot = replace(GONE_ON, state=structs.replace(GONE_ON.state, vector="SSHSHSPP"))

    planned = plan_of(basis_of(before_pivot), ActionRequest("roll back"))

    assert_golden("plan_branches", "\n".join(plan_lines(planned, before_pivot, payloads_of(before_pivot))) + "\n")
    assert planned.kept == ()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("review", "review: it is rejected, handled"),
        ("affordable", "affordable: that is a check, which nobody runs"),
        ("nothing", "nothing, nor any step of that name"),
    ],
)
def test_an_action_on_a_step_that_is_not_quarantined_says_what_the_step_is(name: str, what: str) -> None:
    refusal = plan_of(basis_of(GONE_ON), ActionRequest("retry", name)).refusal

    assert refusal == f"saga {SAGA} has no quarantined step {what}"


def test_a_step_that_has_not_begun_can_be_skipped() -> None:
    found = plan_of(basis_of(GONE_ON), ActionRequest("skip", "invoice"))

    assert (found.refusal, found.changes[0]) == (None, "invoice: quarantined (dispatched) -> skipped")


def last_reads(**reader: Any) -> SagaDetail:
    """b, behind the pivot, is quarantined, and c is still to come."""
    plan = graph(step("a", "X", pivot=True), step("b", "X", after=(0,)), step("c", "X", after=(1,)))
    a, b, c = plan.steps
    whole = replace(plan, steps=(a, b, replace(c, **reader)))
    return replace(GONE_ON, graph=whole, state=structs.replace(GONE_ON.state, vector="SdP"), records={}, history=())


@pytest.mark.parametrize(
    ("reader", "refusal"),
    [
        (
            {"inputs": output_path("b", ()), "reads": (1,)},
            "step b: its result is read by c; resolve it as happened instead",
        ),
        ({"condition": "steps.b.output > 1"}, "step b: its result is read by c; resolve it as happened instead"),
        ({"inputs": with_default(output_path("b", ()), 0), "reads": (1,)}, None),
        ({"condition": "steps.b.succeeded"}, None),
    ],
)
def test_a_step_is_skipped_only_if_nobody_needs_its_result(reader: dict[str, Any], refusal: str | None) -> None:
    assert plan_of(basis_of(last_reads(**reader)), ActionRequest("skip", "b")).refusal == refusal


def test_a_drawing_says_what_a_step_waits_for() -> None:
    titles = [node.title for node in picture_of_definition(REVIEWED).nodes]

    assert titles[0].startswith("affordable; checks input.cents <= 100000; else rejects: ")
    assert titles[6].startswith("send; service · transactional; 1 of 2")
    assert titles[7].startswith('invoice; service · external; if input.country == "CH"')


def test_a_handled_rejection_has_no_effect() -> None:
    effects = {each["step"]: each["effect"] for each in effects_document(GONE_ON)}

    assert effects == {
        "reserve": "stands",
        "review": "never happened",
        "first": "never happened",
        "second": "stands",
        "send": "stands",
        "invoice": "unknown",
    }
