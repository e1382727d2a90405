"""Drawings of graphs: every node and every edge is there, both ways, and no text can break out."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from saga.core.definition.graph import Graph
from saga.core.definition.ordering import ordering
from saga.core.state.phase import Phase
from saga.inspection.drawing.folding import NODES_MAX, folded
from saga.inspection.drawing.graph_svg import definition_graph_svg, graph_svg, saga_graph_svg
from saga.inspection.drawing.marks import mark_of
from saga.inspection.drawing.picture import Picture, picture_of_definition, picture_of_saga
from saga.inspection.drawing.undo import behind_pivot, planned_undo, undo_edges, undo_of
from tests.cli.test_pages import STUCK
from tests.core.graphs import chain, graph, shaped, step
from tests.drawing.pictures import lived, of_class, random_graph, texts, tree

SEEDS = range(8)
HOSTILE = '"><script>alert(1)</script>&\x1b[31m\u202e'


@pytest.mark.parametrize("seed", SEEDS)
def test_every_step_and_every_edge_is_drawn(seed: int) -> None:
    plan = random_graph(seed, 30)

    root = tree(definition_graph_svg(plan))

    assert [node.get("id") for node in of_class(root, "node")] == [f"node-{step.name}" for step in plan.steps]
    assert len(of_class(root, "edge")) == sum(len(step.after) for step in plan.steps)
    assert len(of_class(root, "undo")) == len(picture_of_definition(plan).back)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_forward_edge_begins_and_ends_at_its_boxes(seed: int) -> None:
    plan = random_graph(seed, 12)

    root = tree(definition_graph_svg(plan))

    corners = [tuple(map(float, re.findall(r"[-\d.]+", node.get("transform", "")))) for node in of_class(root, "node")]
    ends = [tuple(map(float, re.findall(r"[-\d.]+", edge.get("d", "")))) for edge in of_class(root, "edge")]
    edges = [(before, node) for node, each in enumerate(plan.steps) for before in each.after]
    for (before, node), numbers in zip(edges, ends, strict=True):
        assert numbers[:2] == pytest.approx((corners[before][0] + 200, corners[before][1] + 33), abs=0.2)
        assert numbers[-2:] == pytest.approx((corners[node][0] - 3, corners[node][1] + 33), abs=0.2)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_edges_back_have_the_order_of_the_rollback_and_nothing_twice(seed: int) -> None:
    plan = random_graph(seed, 25)
    undone = [position for position, undo in enumerate(planned_undo(plan)) if undo.kind != "none"]

    found = undo_edges(plan, undone)

    before = ordering([step.after for step in plan.steps])
    reached = _reached(found.keys(), len(plan.steps))
    assert {(late, early) for late in undone for early in undone if before.is_before(early, late)} == reached
    for edge in found:
        assert edge not in _reached(found.keys() - {edge}, len(plan.steps)), "it follows from others"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_numbers_of_undoing_grow_along_the_edges_back(seed: int) -> None:
    plan = random_graph(seed, 25)
    orders = [undo.order for undo in planned_undo(plan)]

    for later, earlier in picture_of_definition(plan).back:
        first, then = orders[later], orders[earlier]
        assert first is not None
        assert then is not None
        assert first < then


def test_a_definition_says_what_is_undone_and_what_is_not() -> None:
    plan = graph(
        step("look", "X", compensation=False, read_only=True),
        step("reserve", "J", after=(0,)),
        step("tell", "X", after=(0,), compensation=False),
        step("ship", "X", after=(1, 2), compensation=False, pivot=True),
        step("thank", "X", after=(3,)),
    )

    assert [(undo.kind, undo.order, undo.words) for undo in planned_undo(plan)] == [
        ("none", None, "nothing to undo: read-only"),
        ("waits", 1, "compensation"),
        ("none", None, "stays: no compensation"),
        ("none", None, "only forward"),
        ("none", None, "only forward"),
    ]


def test_a_rollback_shows_what_was_undone_what_is_stuck_and_what_waits() -> None:
    plan = shaped([(), (0,), (1,), (2,)], "XXXX")
    stuck = replace(
        STUCK,
        graph=plan,
        state=STUCK.state.__class__(Phase.COMPENSATING, "SkZR", False, False, None, "d: sold out"),  # noqa: FBT003
        history=tuple(replace(line, kind="compensated", step=2, detail=None) for line in STUCK.history[-1:]),
        commands={1: STUCK.commands[0]},
    )

    assert [(undo.kind, undo.order, undo.words) for undo in undo_of(stuck)] == [
        ("waits", 3, "waits for b"),
        ("person", 2, "quarantined, 7 failures"),
        ("done", 1, "compensated"),
        ("none", None, "nothing to undo: rejected"),
    ]
    picture = picture_of_saga(stuck)
    assert picture.next_back == {(1, 0)}
    assert [node.mark.word for node in picture.nodes] == [
        "succeeded", "quarantined", "compensated", "rejected",
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(16))
def test_a_saga_in_any_state_can_be_drawn(seed: int) -> None:
    detail = lived(random_graph(seed, 9), seed)

    root = tree(saga_graph_svg(detail))

    assert len(of_class(root, "node")) == 9
    assert len(of_class(root, "edge")) == sum(len(each.after) for each in detail.graph.steps)
    behind = behind_pivot(detail.graph)
    if any(detail.state.vector[each] == "S" for each in behind):
        assert all(undo.kind != "waits" for undo in undo_of(detail))


def test_texts_from_outside_are_escaped() -> None:
    plan = graph(replace(step(HOSTILE, "X"), service=HOSTILE))

    svg = definition_graph_svg(plan)

    assert "<script" not in svg
    assert "\x1b" not in svg
    assert "\u202e" not in svg
    assert tree(svg) is not None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drawing_has_neither_styles_nor_scripts(seed: int) -> None:
    svg = saga_graph_svg(lived(random_graph(seed, 12), seed))

    for part in tree(svg).iter():
        assert not {name for name in part.attrib if name == "style" or name.startswith("on")}
        assert not part.tag.endswith(("script", "style", "foreignObject"))


def test_the_pivot_is_a_line_with_both_sides_named() -> None:
    root = tree(definition_graph_svg(chain("XXX", pivot=1)))

    assert len(of_class(root, "pivot")) == 1
    assert {"◀ can be undone", "only forward ▶", "pivot"} <= set(texts(root))
    assert of_class(tree(definition_graph_svg(chain("XX"))), "pivot") == []


@pytest.mark.parametrize("seed", range(3))
def test_a_graph_of_very_many_steps_is_folded_by_service_and_loses_no_edge(seed: int) -> None:
    plan = random_graph(seed, 300)
    services = [each.service for each in plan.steps]
    whole = picture_of_saga(lived(plan, seed, events=200))

    small = folded(whole, services)

    assert sum(node.members for node in small.nodes) == 300
    assert len(small.nodes) < 300
    assert ordering(small.after).cycles == ()
    assert len(of_class(tree(graph_svg(small)), "edge")) == sum(map(len, small.after))
    _assert_same_order(whole, small, services)


def test_a_graph_that_people_can_read_is_not_folded() -> None:
    whole = picture_of_definition(random_graph(1, NODES_MAX))

    assert folded(whole, [""] * NODES_MAX) is whole


def test_a_chain_of_one_service_is_folded_into_one_node() -> None:
    plan = shaped([() if place == 0 else (place - 1,) for place in range(26)], "X" * 26)
    long = Graph("long", 1, plan.steps * 8, None, 1, None)
    steps = [replace(each, after=() if place == 0 else (place - 1,)) for place, each in enumerate(long.steps)]

    small = folded(picture_of_definition(replace(long, steps=tuple(steps))), ["one"] * 208)

    assert [(node.name, node.members, node.undo.words) for node in small.nodes] == [
        ("one", 208, "208 of 208 are undone")
    ]


def test_a_state_that_this_build_does_not_know_is_its_word_in_grey() -> None:
    assert mark_of("hibernating") == ("idle", "·", "hibernating")


def _assert_same_order(whole: Picture, small: Picture, services: list[str]) -> None:
    """Checks that each edge between two steps that were not folded is still there."""
    names = {node.key: place for place, node in enumerate(small.nodes)}
    single = {place: names[node.key] for place, node in enumerate(whole.nodes) if node.key in names}
    for place, befores in enumerate(whole.after):
        for before in befores:
            if place in single and before in single:
                assert single[before] in small.after[single[place]]
    assert {node.name for node in small.nodes if node.members > 1} <= set(services)


def _reached(edges: object, size: int) -> set[tuple[int, int]]:
    following: dict[int, set[int]] = {}
    for source, target in edges:  # type: ignore[attr-defined]
        following.setdefault(source, set()).add(target)
    found: set[tuple[int, int]] = set()
    for start in range(size):
        waiting = list(following.get(start, ()))
        while waiting:
            node = waiting.pop()
            if (start, node) not in found:
                found.add((start, node))
                waiting.extend(following.get(node, ()))
    return found
