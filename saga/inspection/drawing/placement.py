"""Coordinates for the layers of a graph: columns from left to right, and in each column heights that keep edges straight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from saga.inspection.drawing.layers import Edge, Layered, layered, neighbours

BOX_WIDTH: Final = 200
BOX_HEIGHT: Final = 66
TAB_HEIGHT: Final = 22
COLUMN_GAP: Final = 50
MARGIN: Final = 24
TOP: Final = 40
"""Pixels above the first node: the place of the pivot's labels, and of the terms of a step."""
_PITCH: Final = BOX_WIDTH + COLUMN_GAP
_NODE_GAP: Final = 30
_DUMMY_GAP: Final = 12
_ROUNDS: Final = 8
_STRAIGHT: Final = 6.0
"""The pull of a link between two dummies, compared with others: a long edge should be straight in its middle."""


class Spot(NamedTuple):
    """The upper left corner of a node's box, in pixels."""

    x: float
    y: float

    @property
    def middle(self) -> float:
        return self.y + BOX_HEIGHT / 2

    @property
    def right(self) -> float:
        return self.x + BOX_WIDTH


@dataclass(frozen=True)
class Placement:
    """The place of everything. `bends`: the heights at which each edge passes the columns between its ends, by the x of the column."""

    spots: tuple[Spot, ...]
    bends: dict[Edge, tuple[Spot, ...]]
    width: float
    height: float


@lru_cache(maxsize=64)
def placed(after: tuple[tuple[int, ...], ...], pivot: int = -1) -> Placement:
    """Places the nodes of a graph, given the predecessors of each. The same graph is computed once: sagas share their definition's."""
    found = layered(after, pivot)
    heights = _heights(found)
    shift = TOP - min((heights[node] - BOX_HEIGHT / 2 for node in range(found.count)), default=0.0)
    shift = max(shift, TOP - min(heights.values(), default=0.0))
    spots: dict[int, Spot] = {}
    for column, layer in enumerate(found.layers):
        for node in layer:
            half = BOX_HEIGHT / 2 if node < found.count else 0
            spots[node] = Spot(MARGIN + column * _PITCH, heights[node] - half + shift)
    bends = {edge: tuple(spots[dummy] for dummy in chain) for edge, chain in found.chains.items()}
    bottom = max((spot.y for spot in spots.values()), default=0) + BOX_HEIGHT + TAB_HEIGHT
    width = 2 * MARGIN + len(found.layers) * _PITCH - COLUMN_GAP
    return Placement(tuple(spots[node] for node in range(found.count)), bends, width, bottom + MARGIN)


def _heights(found: Layered) -> dict[int, float]:
    """The middle of each node, and of each dummy: near the mean of its neighbours, as far as the layer has room."""
    heights = {node: float(place) for layer in found.layers for place, node in enumerate(layer)}
    for layer in found.layers:
        _spread(layer, heights, dict.fromkeys(layer, 0.0), found.count)
    links = found.links()
    left, right = neighbours(links, backwards=True), neighbours(links, backwards=False)
    for number in range(_ROUNDS):
        forward = number % 2 == 0
        for layer in found.layers if forward else reversed(found.layers):
            wished = {node: _wish(node, heights, left, right, found.count) for node in layer}
            _spread(layer, heights, wished, found.count)
    return heights


def _wish(
    node: int, heights: dict[int, float], left: dict[int, list[int]], right: dict[int, list[int]], count: int
) -> float:
    others = [*left.get(node, ()), *right.get(node, ())]
    if not others:
        return heights[node]
    weights = [_STRAIGHT if node >= count and other >= count else 1.0 for other in others]
    total = sum(weight * heights[other] for weight, other in zip(weights, others, strict=True))
    return total / sum(weights)


def _spread(layer: Sequence[int], heights: dict[int, float], wished: dict[int, float], count: int) -> None:
    """Gives each node of a layer the height nearest to its wish that keeps the order and the gaps: isotonic regression."""
    offsets = [0.0]
    for above, below in pairwise(layer):
        offsets.append(offsets[-1] + _distance(above, below, count))
    blocks: list[tuple[float, int]] = []  # the mean of the wishes, and of how many nodes
    for node, offset in zip(layer, offsets, strict=True):
        mean, size = wished[node] - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, more = blocks.pop()
            mean, size = (mean * size + before * more) / (size + more), size + more
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    for node, offset, mean in zip(layer, offsets, means, strict=True):
        heights[node] = mean + offset


def _distance(above: int, below: int, count: int) -> float:
    """From the middle of a node to the middle of the next one in its layer, at least."""
    down = BOX_HEIGHT / 2 + TAB_HEIGHT if above < count else 0
    up = BOX_HEIGHT / 2 if below < count else 0
    return down + up + (_NODE_GAP if above < count and below < count else _DUMMY_GAP)
