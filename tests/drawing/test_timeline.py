"""The timeline: what each step did, when, in both directions, on a scale that shortens long gaps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.inspection.drawing.spans import rows_of
from saga.inspection.drawing.time_scale import TimeScale
from saga.inspection.drawing.timeline_svg import ROWS_MAX, timeline_svg
from saga.inspection.wording import clock_of
from saga.ports.saga_detail import HistoryLine
from tests.cli.test_pages import NOW, STUCK
from tests.core.graphs import chain
from tests.drawing.pictures import lived, of_class, random_graph, texts, tree


def spans(row: int = 0, **changes: object) -> list[tuple[str, float, float]]:
    detail = replace(STUCK, **changes)  # type: ignore[arg-type]
    return [(each.kind, each.begin - NOW, each.end - NOW) for each in rows_of(detail)[row].spans]


def test_a_stuck_saga_has_its_steps_forward_and_back() -> None:
    rows = rows_of(STUCK)

    assert [(row.step, row.is_back) for row in rows] == [(0, False), (1, False), (0, True)]
    assert spans(0) == [("ok", -90, -88)]
    assert spans(1) == [("rejected", -88, -87.5)]
    assert spans(2) == [("run", -87.5, -60), ("pause", -60, -1), ("person", -1, 0)]
    assert [at - NOW for at in rows[2].failures] == [-60]


@pytest.mark.parametrize(
    ("owner", "due", "expected"),
    [
        (None, NOW - 90, [("queue", -90, 0)]),
        (None, NOW - 40, [("pause", -90, -40), ("queue", -40, 0)]),
        (None, NOW + 40, [("pause", -90, 0), ("queue", 0, 0)]),
        ("p:1", NOW, [("run", -90, 0)]),
    ],
)
def test_a_step_under_way_is_queued_paused_or_running(
    owner: str | None, due: float, expected: list[tuple[str, float, float]]
) -> None:
    command = replace(STUCK.commands[0], owner=owner, due_at=due)
    state = State(Phase.RUNNING, "DPP", False, False, None, None)  # noqa: FBT003

    assert spans(0, commands={0: command}, state=state, history=STUCK.history[:1]) == expected


def test_failed_attempts_have_pauses_between_them() -> None:
    history = (
        HistoryLine(NOW - 90, "started", None, None, "DPP", None),
        HistoryLine(NOW - 80, "failed", 0, "no answer", "DPP", None),
        HistoryLine(NOW - 50, "failed", 0, "no answer", "DPP", None),
        HistoryLine(NOW - 20, "succeeded", 0, None, "SDP", None),
    )

    assert spans(0, history=history, commands={}) == [("run", -90, -80), ("pause", -80, -50), ("ok", -50, -20)]


def test_successes_without_a_vector_dispatch_what_follows_them() -> None:
    state = State(Phase.RUNNING, "SSD", False, False, None, None)  # noqa: FBT003
    history = (
        HistoryLine(NOW - 9, "started", None, None, "DPP", None),
        HistoryLine(NOW - 8, "succeeded", 0, None, None, None),
        HistoryLine(NOW - 6, "succeeded", 1, None, None, None),
    )
    detail = replace(STUCK, graph=chain("XXX"), state=state, history=history, commands={})

    found = [
        (row.step, [(each.kind, each.begin - NOW, each.end - NOW) for each in row.spans]) for row in rows_of(detail)
    ]

    assert found == [(0, [("ok", -9, -8)]), (1, [("ok", -8, -6)]), (2, [("run", -6, 0)])]


@pytest.mark.parametrize("seed", range(16))
def test_the_spans_of_a_row_follow_one_another_and_none_is_in_the_future(seed: int) -> None:
    detail = lived(random_graph(seed, 9), seed)

    for row in rows_of(detail):
        assert row.spans[0].begin == row.begin
        assert all(earlier.end == later.begin for earlier, later in pairwise(row.spans))
        assert all(each.begin <= each.end <= detail.now for each in row.spans)
        assert all(row.begin <= at <= row.last for at in row.failures)


@pytest.mark.parametrize("seed", range(8))
def test_every_row_and_every_failure_is_drawn_without_styles(seed: int) -> None:
    detail = lived(random_graph(seed, 9), seed)

    root = tree(timeline_svg(detail, clock_of(detail.now)))

    rows = rows_of(detail)
    names = [
        f"↶ {detail.graph.steps[row.step].name}" if row.is_back else detail.graph.steps[row.step].name for row in rows
    ]
    assert [text for text in texts(root) if "step-" in text] == names
    assert len(of_class(root, "t-x")) == sum(len(row.failures) for row in rows)
    assert not [part for part in root.iter() if part.get("style")]


def test_what_happened_to_the_whole_saga_is_on_the_scale() -> None:
    root = tree(timeline_svg(STUCK, clock_of(NOW)))

    assert any("rolling back" in text for text in texts(root))
    assert len(of_class(root, "now")) == 1


def test_an_ended_saga_has_an_end_instead_of_now() -> None:
    ended = replace(STUCK, state=replace_phase(Phase.COMPENSATED, "ZRV"), ended_at=NOW - 1, commands={})

    root = tree(timeline_svg(ended, clock_of(NOW)))

    assert of_class(root, "now") == []
    assert any(text.endswith(" end") for text in texts(root))


def test_very_many_rows_are_cut_with_a_word() -> None:
    plan = chain("XXX")
    wide = replace(plan, steps=tuple(replace(plan.steps[0], name=f"step-{place}") for place in range(ROWS_MAX + 3)))
    line = HistoryLine(NOW - 9, "started", None, None, "D" * len(wide.steps), None)
    state = State(Phase.RUNNING, "D" * len(wide.steps), False, False, None, None)  # noqa: FBT003

    root = tree(timeline_svg(replace(STUCK, graph=wide, state=state, history=(line,), commands={}), clock_of(NOW)))

    assert "and 3 more" in texts(root)
    assert len([text for text in texts(root) if "step-" in text]) == ROWS_MAX


@pytest.mark.parametrize("moments", [[5.0], [1.0, 2.0], [0.0, 0.001, 0.002, 80_000.0, 80_001.0], [1.0, 1.0, 9.0]])
def test_the_scale_grows_with_time_and_fills_its_width(moments: list[float]) -> None:
    scale = TimeScale(moments, 100, 900)

    places = [scale(moment) for moment in sorted(set(moments))]
    assert places[0] == 100
    assert places == sorted(set(places))
    assert len(places) == 1 or places[-1] == pytest.approx(900)
    assert scale(min(moments) - 1) == places[0]
    assert scale(max(moments) + 1) == places[-1]


def test_a_gap_of_hours_leaves_room_for_seconds() -> None:
    scale = TimeScale([0.0, 1.0, 2.0, 3.0, 80_000.0], 0, 1000)

    assert scale(3.0) > 100


def replace_phase(phase: Phase, vector: str) -> State:
    return State(phase, vector, False, False, None, "b: card declined")  # noqa: FBT003
