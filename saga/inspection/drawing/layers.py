"""Places the nodes of a graph in layers from left to right, and finds an order within each layer that crosses few edges.

An edge over several layers gets a place, a dummy node, in each layer between, so that it is drawn around the nodes there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from saga.core.definition.ordering import ordering

SWEEPS: Final = 6
"""Number of times that the order within the layers is improved. More hardly ever find a better one."""
DUMMIES_MAX: Final = 2_000
"""Maximum number of dummy nodes. Beyond it the longest edges are drawn straight, so that a dense graph does not take seconds."""

Edge = tuple[int, int]


@dataclass(frozen=True)
class Layered:
    """The order of the nodes in each layer. Numbers from the count of nodes on are dummies.

    `ranks`: the layer of each node. `layers`: the nodes of each layer, from top to bottom. `chains`: the dummies of each edge, from
    left to right.
    """

    ranks: list[int]
    layers: list[list[int]]
    chains: dict[Edge, list[int]]

    @property
    def count(self) -> int:
        return len(self.ranks)

    def links(self) -> list[Edge]:
        """The edges between neighbouring layers: an edge with dummies is several."""
        return [
            link
            for (source, target), chain in self.chains.items()
            if chain or self.ranks[source] + 1 == self.ranks[target]
            for link in zip((source, *chain), (*chain, target), strict=True)
        ]


def layered(after: Sequence[Sequence[int]], pivot: int = -1) -> Layered:
    """Places nodes, given the predecessors of each. Right of the layer before the pivot is only what comes behind it, and the pivot."""
    ranks = layer_numbers(after, pivot)
    edges = [(before, node) for node, befores in enumerate(after) for before in sorted(set(befores))]
    edges = [edge for edge in edges if ranks[edge[0]] < ranks[edge[1]]]
    layers: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for node, rank in enumerate(ranks):
        layers[rank].append(node)
    found = Layered(ranks, layers, _chains(layers, ranks, edges, len(after)))
    return _improved(found)


def layer_numbers(after: Sequence[Sequence[int]], pivot: int = -1) -> list[int]:
    """Returns the layer of each node: one more than that of its last predecessor."""
    order = ordering(after)
    numbers = [0] * len(after)

    def rank(nodes: Sequence[int], at_least: int) -> None:
        for node in nodes:
            numbers[node] = max((numbers[before] + 1 for before in after[node]), default=0)
            numbers[node] = max(numbers[node], at_least)

    behind = [node for node in order.sequence if pivot >= 0 and order.is_before(pivot, node)]
    right = {pivot, *behind}
    others = [node for node in order.sequence if node not in right]
    rank(others, 0)
    if pivot >= 0:
        rank([pivot], max((numbers[node] + 1 for node in others), default=0))
        rank(behind, 0)
    return numbers


def _chains(layers: list[list[int]], ranks: list[int], edges: list[Edge], first: int) -> dict[Edge, list[int]]:
    chains: dict[Edge, list[int]] = {edge: [] for edge in edges}
    number = first
    for source, target in sorted(edges, key=lambda edge: ranks[edge[1]] - ranks[edge[0]]):
        between = range(ranks[source] + 1, ranks[target])
        if number - first + len(between) > DUMMIES_MAX:
            break
        for layer in between:
            layers[layer].append(number)
            chains[source, target].append(number)
            number += 1
    return chains


def _improved(found: Layered) -> Layered:
    """Moves each node to the mean of its neighbours' places, sweep by sweep, and keeps the order with the fewest crossings."""
    links = found.links()
    left, right = neighbours(links, backwards=True), neighbours(links, backwards=False)
    best, fewest = [list(layer) for layer in found.layers], _crossings(found.layers, right)
    layers = found.layers
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        is_forward = sweep % 2 == 0
        for index in range(1, len(layers)) if is_forward else range(len(layers) - 2, -1, -1):
            beside = layers[index - 1 if is_forward else index + 1]
            _sort(layers[index], beside, left if is_forward else right)
        crossings = _crossings(layers, right)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return Layered(found.ranks, best, found.chains)


def neighbours(links: Sequence[Edge], *, backwards: bool) -> dict[int, list[int]]:
    """The nodes at the other ends of each node's links: to the left of it, or to the right."""
    found: dict[int, list[int]] = {}
    for source, target in links:
        one, other = (target, source) if backwards else (source, target)
        found.setdefault(one, []).append(other)
    return found


def _sort(layer: list[int], beside: list[int], linked: dict[int, list[int]]) -> None:
    places = {node: place for place, node in enumerate(beside)}
    own = {node: place for place, node in enumerate(layer)}

    def wanted(node: int) -> float:
        ends = [places[other] for other in linked.get(node, ())]
        return sum(ends) / len(ends) if ends else own[node]

    layer.sort(key=wanted)


def _crossings(layers: list[list[int]], right: dict[int, list[int]]) -> int:
    total = 0
    for layer, following in pairwise(layers):
        places = {node: place for place, node in enumerate(following)}
        ends = [place for node in layer for place in sorted(places[other] for other in right.get(node, ()))]
        total += _inversions(ends, len(following))
    return total


def _inversions(values: list[int], size: int) -> int:
    """The pairs of which the earlier value is the greater one, counted with a Fenwick tree."""
    tree, found = [0] * (size + 1), 0
    for seen, value in enumerate(values):
        not_greater, index = 0, value + 1
        while index > 0:
            not_greater += tree[index]
            index -= index & -index
        found += seen - not_greater
        index = value + 1
        while index <= size:
            tree[index] += 1
            index += index & -index
    return found
