"""The order that the edges of a graph make, its cycles, and the ancestors of every node."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ordering:
    """The order of the nodes. Nodes are positions; a set of nodes is an int with one bit per node.

    `sequence` puts predecessors first and otherwise keeps the order of writing. It lacks the nodes that depend on a cycle,
    and these have no `ancestors`. Each of the `cycles` lists its nodes along the edges.
    """

    sequence: tuple[int, ...]
    cycles: tuple[tuple[int, ...], ...]
    ancestors: tuple[int, ...]

    def is_before(self, earlier: int, later: int) -> bool:
        """Returns whether a path of edges leads from one node to the other; no node is before itself."""
        return bool(self.ancestors[later] >> earlier & 1)


def ordering(after: Sequence[Sequence[int]]) -> Ordering:
    """Computes the order of the nodes from the predecessors of each."""
    sequence = _sequence(after)
    ancestors = [0] * len(after)
    for node in sequence:
        for before in after[node]:
            ancestors[node] |= ancestors[before] | 1 << before
    rest = set(range(len(after))).difference(sequence)
    return Ordering(sequence, _cycles(after, rest), tuple(ancestors))


def _sequence(after: Sequence[Sequence[int]]) -> tuple[int, ...]:
    followers: list[list[int]] = [[] for _ in after]
    waits_for = [len(set(befores)) for befores in after]
    for node, befores in enumerate(after):
        for before in set(befores):
            followers[before].append(node)
    ready = [node for node, count in enumerate(waits_for) if count == 0]
    sequence: list[int] = []
    while ready:
        node = heapq.heappop(ready)
        sequence.append(node)
        for follower in followers[node]:
            waits_for[follower] -= 1
            if waits_for[follower] == 0:
                heapq.heappush(ready, follower)
    return tuple(sequence)


def _cycles(after: Sequence[Sequence[int]], rest: set[int]) -> tuple[tuple[int, ...], ...]:
    """Walks backwards from every node that could not be ordered: each has a predecessor that could not either."""
    found: list[tuple[int, ...]] = []
    seen: set[int] = set()
    for start in sorted(rest):
        walk: list[int] = []
        node = start
        while node not in seen:
            seen.add(node)
            walk.append(node)
            node = min(before for before in after[node] if before in rest)
        if node in walk:
            found.append(tuple(reversed(walk[walk.index(node) :])))
    return tuple(found)
