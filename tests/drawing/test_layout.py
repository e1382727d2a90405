"""The laws of a layout, on random graphs: nothing overlaps, everything is drawn, and left comes before right."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from saga.core.definition.ordering import ordering
from saga.inspection.drawing.layers import DUMMIES_MAX, layer_numbers, layered
from saga.inspection.drawing.placement import BOX_HEIGHT, COLUMN_GAP, TAB_HEIGHT, TOP, placed
from tests.drawing.pictures import overlapping, random_graph

CASES = [(seed, size) for seed, size in enumerate([1, 2, 5, 9, 17, 30, 60, 60, 150])]
After = tuple[tuple[int, ...], ...]


def shape(seed: int, size: int) -> tuple[After, int]:
    graph = random_graph(seed, size)
    return tuple(step.after for step in graph.steps), graph.pivot


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_no_two_nodes_overlap_and_all_are_inside(seed: int, size: int) -> None:
    place = placed(*shape(seed, size))

    boxes = [(spot.x, spot.y, spot.right, spot.y + BOX_HEIGHT + TAB_HEIGHT) for spot in place.spots]
    assert len(boxes) == size
    assert overlapping(boxes) == []
    assert all(left >= 0 and top >= TOP - 0.01 for left, top, _, _ in boxes)
    assert all(right <= place.width and bottom <= place.height for _, _, right, bottom in boxes)


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_a_step_stands_right_of_all_that_it_follows(seed: int, size: int) -> None:
    after, pivot = shape(seed, size)

    place = placed(after, pivot)

    for node, befores in enumerate(after):
        for before in befores:
            assert place.spots[before].right + COLUMN_GAP <= place.spots[node].x


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_right_of_the_pivots_line_is_only_what_comes_behind_the_pivot(seed: int, size: int) -> None:
    after, pivot = shape(seed, size)
    order = ordering(after)

    place = placed(after, pivot)

    line = place.spots[pivot].x
    right = {node for node, spot in enumerate(place.spots) if spot.x >= line}
    assert right == {pivot, *(node for node in range(size) if order.is_before(pivot, node))}


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_an_edge_goes_around_the_nodes_between_its_ends(seed: int, size: int) -> None:
    place = placed(*shape(seed, size))

    for bends in place.bends.values():
        for bend in bends:
            crossed = [
                spot for spot in place.spots if spot.x == bend.x and spot.y < bend.y < spot.y + BOX_HEIGHT + TAB_HEIGHT
            ]
            assert crossed == []


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_every_long_edge_has_a_place_in_each_layer_between(seed: int, size: int) -> None:
    after, pivot = shape(seed, size)
    ranks = layer_numbers(after, pivot)

    found = layered(after, pivot)

    edges = {(before, node) for node, befores in enumerate(after) for before in befores}
    assert found.chains.keys() == edges
    assert all(len(chain) == ranks[node] - ranks[before] - 1 for (before, node), chain in found.chains.items())
    assert sorted(node for layer in found.layers for node in layer) == list(
        range(size + sum(map(len, found.chains.values())))
    )


def test_the_order_within_layers_takes_crossings_away() -> None:
    found = layered(((), (), (), (2,), (1,), (0,)))

    assert found.layers == [[0, 1, 2], [5, 4, 3]]


def test_a_straight_chain_is_drawn_straight() -> None:
    place = placed(tuple(() if step == 0 else (step - 1,) for step in range(12)))

    assert {spot.y for spot in place.spots} == {float(TOP)}
    assert {later.x - earlier.right for earlier, later in pairwise(place.spots)} == {float(COLUMN_GAP)}


def test_a_graph_of_very_many_long_edges_is_still_placed() -> None:
    choice = Random(1)  # noqa: S311
    dense: After = tuple(tuple(sorted(choice.sample(range(node), min(node, 12)))) for node in range(150))

    found, place = layered(dense), placed(dense)

    assert sum(map(len, found.chains.values())) <= DUMMIES_MAX
    assert len(found.chains) == sum(map(len, dense))
    assert len(place.spots) == 150


def test_no_graph_at_all_has_a_place_too() -> None:
    assert placed(()).spots == ()
