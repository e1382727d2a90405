"""Folds a graph of very many steps: steps of one service that stand beside each other, or follow one another, become one node."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from saga.inspection.drawing.layers import layer_numbers
from saga.inspection.drawing.marks import Mark
from saga.inspection.drawing.picture import NO_MARK, Edge, Node, Picture
from saga.inspection.drawing.undo import Undo

NODES_MAX: Final = 150
"""A graph of more nodes is folded by service: nobody reads that many boxes, and the table below has every step."""
_URGENCY: Final = ("person", "finding", "undoing", "running", "rejected", "undone", "ok", "idle", "plain")
_UNDO_URGENCY: Final = ("person", "acts", "waits", "done", "none")


def folded(picture: Picture, services: Sequence[str]) -> Picture:
    """Returns the picture with fewer nodes, if it has more than NODES_MAX. No edge between two nodes that are left is lost."""
    if len(picture.nodes) <= NODES_MAX:
        return picture
    groups = _groups(picture, services)
    owner = {node: place for place, group in enumerate(groups) for node in group}

    def between(edges: frozenset[Edge]) -> frozenset[Edge]:
        moved = {(owner[source], owner[target]) for source, target in edges}
        return frozenset(edge for edge in moved if edge[0] != edge[1])

    forward = frozenset((before, node) for node, befores in enumerate(picture.after) for before in befores)
    edges, alive = between(forward), between(forward - picture.dead)
    back = between(frozenset(picture.back))
    return Picture(
        title=picture.title,
        nodes=tuple(_node(picture, group, services[group[0]], place) for place, group in enumerate(groups)),
        after=tuple(
            tuple(sorted(source for source, target in edges if target == place)) for place in range(len(groups))
        ),
        dead=edges - alive,
        back=dict.fromkeys(sorted(back), ()),
        next_back=between(picture.next_back),
        pivot=owner.get(picture.pivot, -1),
        pivot_words=picture.pivot_words,
    )


def _groups(picture: Picture, services: Sequence[str]) -> list[list[int]]:
    """Steps of one service in one layer: no edge leads from one of them to another, so that folding makes no circle."""
    ranks = layer_numbers(picture.after, picture.pivot)
    found: dict[tuple[int, str, bool], list[int]] = defaultdict(list)
    for node, rank in enumerate(ranks):
        found[rank, services[node], node == picture.pivot].append(node)
    groups = [group for _, group in sorted(found.items())]
    return _joined(groups, picture, services)


def _joined(groups: list[list[int]], picture: Picture, services: Sequence[str]) -> list[list[int]]:
    """Joins groups of one service of which one has no other follower and the other no other predecessor."""
    owner = {node: place for place, group in enumerate(groups) for node in group}
    followers: dict[int, set[int]] = defaultdict(set)
    befores: dict[int, set[int]] = defaultdict(set)
    for node, before in ((node, before) for node, each in enumerate(picture.after) for before in each):
        followers[owner[before]].add(owner[node])
        befores[owner[node]].add(owner[before])
    joined: dict[int, list[int]] = {}
    head: dict[int, int] = {}
    for place, group in enumerate(groups):  # in the order of the layers
        (previous,) = befores[place] if len(befores[place]) == 1 else (None,)
        is_run = previous is not None and followers[previous] == {place}
        is_same = previous is not None and services[groups[previous][0]] == services[group[0]]
        has_pivot = picture.pivot in group or (previous is not None and picture.pivot in groups[previous])
        if previous is not None and is_run and is_same and not has_pivot:
            head[place] = head[previous]
            joined[head[place]].extend(group)
        else:
            head[place] = place
            joined[place] = list(group)
    return list(joined.values())


def _node(picture: Picture, group: list[int], service: str, place: int) -> Node:
    members = [picture.nodes[node] for node in group]
    if len(members) == 1:
        return members[0]
    return Node(f"group-{place}", service, f"{len(members)} steps", _mark(members), _undo(members), len(members))


def _mark(members: list[Node]) -> Mark:
    """The counts of the states, most urgent first, in the look of the most urgent one."""
    counts = Counter(node.mark for node in members)
    marks = sorted(counts, key=lambda mark: _URGENCY.index(mark.kind))
    if marks[0] == NO_MARK:
        return NO_MARK
    first, *others = [f"{counts[mark]} {mark.word}" for mark in marks]
    return Mark(marks[0].kind, marks[0].icon, ", ".join((first, *others)))


def _undo(members: list[Node]) -> Undo:
    kinds = Counter(node.undo.kind for node in members)
    kind = min(kinds, key=_UNDO_URGENCY.index)
    undone = len(members) - kinds["none"]
    return Undo(kind, None, f"{undone} of {len(members)} are undone" if undone else "nothing to undo")
