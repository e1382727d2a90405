"""Pages and drawings of definitions with waits and timers: each looks different from a call, and says what it waits for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, cast

from saga.api.ui.pages.definitions import steps_of
from saga.cli.sagas import definitions
from saga.core.definition.difference import difference
from saga.inspection.drawing.flow_chart import flow_chart
from saga.inspection.drawing.graph_svg import definition_graph_svg
from saga.inspection.drawing.picture import marks_of
from tests.cli.test_pages import _greenwich, rendered  # noqa: F401 (the time zone)
from tests.cli.test_why import assert_golden
from tests.core.graphs import graph, step, timer, wait
from tests.drawing.pictures import SVG, lived, of_class, texts, tree

ASKED: Final = graph(
    step("ask", "X"),
    replace(wait("review", after=(0,)), otherwise={"value": {"approved": False, "why": "nobody answered"}}),
    timer("remind_delay", after=(0,), until=1),
    step("remind", "X", after=(2,), until=1, read_only=True, compensation=False),
    wait("cancel_on_cancelled", cancels=True),
    replace(wait("answer", after=(1,), handled=True), names=("yes", "no")),
    replace(wait("paid", after=(1,)), wait_ms=None),
    step("send", "T", after=(3, 5, 6), pivot=True),
)


def test_a_definition_with_waits_says_what_each_of_them_waits_for() -> None:
    assert_golden("definition_waits", rendered(definitions.tree_page(ASKED), 140) + flow_chart(ASKED) + "\n")


def test_a_wait_and_a_timer_have_shapes_of_their_own() -> None:
    root = tree(definition_graph_svg(ASKED))
    boxes = of_class(root, "box")

    assert [part.tag.removeprefix(SVG) for part in boxes].count("polygon") == 1
    assert sorted(part.get("rx", "") for part in boxes) == ["", "33", "33", "33", "33", "7", "7", "7"]
    assert any(text.startswith("waits for review, up to 1h") for text in texts(root))


def test_a_wait_that_has_begun_is_said_to_wait() -> None:
    marks = marks_of(lived(ASKED, seed=1, events=1))

    assert [mark.word == "waiting" for mark in marks[:5]] == [False, False, False, False, True]


def test_the_table_of_steps_says_what_is_waited_for_and_gives_no_limits_of_calls() -> None:
    rows = {row["name"]: row for row in steps_of(ASKED)}

    assert rows["review"]["handler"].startswith("waits for review, up to 1h; else succeeds with")
    assert (rows["review"]["timeout"], rows["review"]["attempts"]) == ("", "")
    assert (rows["remind"]["until"], rows["remind"]["timeout"], rows["remind"]["attempts"]) == ("review", "1s", "3")


def test_a_difference_of_waits_is_in_words() -> None:
    ask, review, delay, *_ = ASKED.steps
    old = graph(ask, review, delay)
    other = {"names": ("review", "verdict"), "wait_ms": None, "otherwise": None, "condition": "input.a > 1"}
    new = graph(ask, replace(review, **cast("Any", other)), replace(delay, **cast("Any", {"until": None})))

    assert difference(old, new) == (
        "step review: condition: none -> input.a > 1",
        'step review: otherwise: {"approved":false,"why":"nobody answered"} -> none',
        "step review: names: review -> review, verdict",
        "step review: wait: 1h -> none",
        "step remind_delay: until: review -> none",
    )
    assert difference(graph(ask, wait("review", after=(0,))), graph(ask, step("review", "X", after=(0,))))[0] == (
        "step review: handler: service.wait -> service.review"
    )
