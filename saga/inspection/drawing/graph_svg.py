"""A graph as SVG. It has classes only, no styles and no scripts: the page's style sheet says how it looks.

Forward edges lead from box to box, the rollback's edges from tab to tab. Each node is a link to its row in the table of steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.definition.step import StepKind
from saga.inspection.drawing.folding import folded
from saga.inspection.drawing.layers import Edge
from saga.inspection.drawing.picture import NO_MARK, Node, Picture, picture_of_definition, picture_of_saga
from saga.inspection.drawing.placement import (
    BOX_HEIGHT,
    BOX_WIDTH,
    COLUMN_GAP,
    MARGIN,
    TAB_HEIGHT,
    Placement,
    Spot,
    placed,
)
from saga.inspection.drawing.svg import BOLD, SMALL, element, fitting, path, text, title
from saga.ports.saga_detail import SagaDetail

_PADDING: Final = 12
_RADIUS: Final = 7
_TIP: Final = 10
"""Pixels by which the sides of a timer are slanted."""
_TAB_INSET: Final = 6
_ARROW: Final = 3
"""Pixels between an arrow's tip and the box."""
_TAB_MIDDLE: Final = BOX_HEIGHT + TAB_HEIGHT / 2
_BESIDE: Final = 10
"""Pixels below a box, or below a forward edge, at which the rollback passes it."""
_LABEL_WIDTH: Final = 110
_TERMS_WIDTH: Final = BOX_WIDTH + COLUMN_GAP / 2


def saga_graph_svg(detail: SagaDetail) -> str:
    """Draws a saga's graph, with the states of its steps and the order of undoing."""
    services = [step.service for step in detail.graph.steps]
    return graph_svg(folded(picture_of_saga(detail), services))


def definition_graph_svg(graph: Graph) -> str:
    """Draws a definition's graph, with the order in which it would be rolled back."""
    return graph_svg(folded(picture_of_definition(graph), [step.service for step in graph.steps]))


def graph_svg(picture: Picture) -> str:
    """Draws a picture. Every node and every edge is drawn, whatever the graph."""
    place = placed(picture.after, picture.pivot)
    size = {"width": place.width, "height": place.height, "viewBox": f"0 0 {place.width:.0f} {place.height:.0f}"}
    return element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "class": "graph", **size, "role": "group", "aria-label": picture.title},
        title(picture.title),
        _markers(),
        *_pivot(picture, place),
        *(_edge(picture, place, edge) for edge in _edges(picture)),
        *(_back(picture, place, edge, way) for edge, way in picture.back.items()),
        *(_node(node, spot) for node, spot in zip(picture.nodes, place.spots, strict=True)),
    )


def _markers() -> str:
    arrows = (
        element(
            "marker",
            {
                "id": f"arrow-{name}",
                "viewBox": "0 0 8 8",
                "refX": 7,
                "refY": 4,
                "markerUnits": "userSpaceOnUse",
                "markerWidth": 10,
                "markerHeight": 10,
                "orient": "auto",
            },
            path(("M0 0L8 4L0 8z",), f"arrow-{name}"),
        )
        for name in ("forward", "back", "next")
    )
    return element("defs", {}, *arrows)


def _edges(picture: Picture) -> Iterator[Edge]:
    for node, befores in enumerate(picture.after):
        yield from ((before, node) for before in sorted(set(befores)))


def _edge(picture: Picture, place: Placement, edge: Edge) -> str:
    source, target = place.spots[edge[0]], place.spots[edge[1]]
    bends = [(bend.x, bend.x + BOX_WIDTH, bend.y) for bend in place.bends.get(edge, ())]
    points = [(source.right, source.middle), *_passing(bends), (target.x - _ARROW, target.middle)]
    kind = "edge dead" if edge in picture.dead else "edge"
    return path(_curve(points), kind, "url(#arrow-forward)")


def _back(picture: Picture, place: Placement, edge: Edge, way: Sequence[int]) -> str:
    """From the left of a tab to the right of the next one, below the boxes between them."""
    source, target = place.spots[edge[0]], place.spots[edge[1]]
    bends: list[tuple[float, float, float]] = []
    for later, earlier in zip((edge[0], *way), (*way, edge[1]), strict=True):
        passed = reversed(place.bends.get((earlier, later), ()))
        bends += [(bend.x + BOX_WIDTH, bend.x, bend.y + _BESIDE) for bend in passed]
        if earlier != edge[1]:
            bends.append(_below(place.spots[earlier]))
    start, end = (source.x + _TAB_INSET, source.y + _TAB_MIDDLE), (target.right - _ARROW, target.y + _TAB_MIDDLE)
    kind = "next" if edge in picture.next_back else "back"
    return path(_curve([start, *_passing(bends), end]), f"undo {kind}", f"url(#arrow-{kind})")


def _below(spot: Spot) -> tuple[float, float, float]:
    return spot.right, spot.x, spot.y + BOX_HEIGHT + TAB_HEIGHT + _BESIDE


def _passing(bends: Sequence[tuple[float, float, float]]) -> Iterator[tuple[float, float]]:
    for entry, leaving, height in bends:
        yield entry, height
        yield leaving, height


def _curve(points: Sequence[tuple[float, float]]) -> Iterator[str]:
    """A line that is level at each point: curves between the columns, straight through them."""
    (x, y), *others = points
    yield f"M{x:.1f} {y:.1f}"
    for next_x, next_y in others:
        half = (x + next_x) / 2
        is_level = abs(next_y - y) < 1
        yield (
            f"L{next_x:.1f} {next_y:.1f}"
            if is_level
            else f"C{half:.1f} {y:.1f} {half:.1f} {next_y:.1f} {next_x:.1f} {next_y:.1f}"
        )
        x, y = next_x, next_y


def _pivot(picture: Picture, place: Placement) -> Iterator[str]:
    if picture.pivot < 0:
        return
    x = place.spots[picture.pivot].x - COLUMN_GAP / 2
    x = max(x, MARGIN / 2)
    yield element("line", {"class": "pivot", "x1": x, "x2": x, "y1": 22, "y2": place.height - 8})
    if x > _LABEL_WIDTH:
        yield text(x - 8, 16, "◀ can be undone", "s", anchor="end")
    yield text(x + 8, 16, "only forward ▶", "s")
    yield text(x + 8, place.height - 10, picture.pivot_words, "s b")


def _node(node: Node, spot: Spot) -> str:
    inner = BOX_WIDTH - 2 * _PADDING
    state = f"{node.mark.icon} {node.mark.word}"
    stack = [
        element("rect", {"class": "box", "x": 5, "y": -5, "width": BOX_WIDTH, "height": BOX_HEIGHT, "rx": _RADIUS})
    ]
    attributes = {
        "class": f"node {node.mark.kind}",
        "id": f"node-{node.key}",
        "href": f"#step-{node.key}" if node.members == 1 else None,
        "transform": f"translate({spot.x:.1f} {spot.y:.1f})",
        "aria-label": node.title if node.members == 1 else None,
    }
    return element(
        "a" if node.members == 1 else "g",
        attributes,
        title(node.title),
        *(stack if node.members > 1 else ()),
        _box(node.kind),
        *((text(_PADDING / 2, -7, fitting(node.terms, _TERMS_WIDTH, SMALL), "s terms"),) if node.terms else ()),
        text(_PADDING, 21, fitting(node.name, inner, BOLD), "b"),
        text(_PADDING, 38, fitting(node.line, inner, SMALL), "s"),
        *(() if node.mark is NO_MARK else (text(_PADDING, 56, fitting(state, inner), "st"),)),
        _tab(node),
    )


def _box(kind: StepKind) -> str:
    """The frame of a node: a wait has round ends, a timer is a hexagon."""
    if kind is StepKind.TIMER:
        half = BOX_HEIGHT / 2
        corners = (
            (0, half),
            (_TIP, 0),
            (BOX_WIDTH - _TIP, 0),
            (BOX_WIDTH, half),
            (BOX_WIDTH - _TIP, BOX_HEIGHT),
            (_TIP, BOX_HEIGHT),
        )
        return element("polygon", {"class": "box", "points": " ".join(f"{x:g},{y:g}" for x, y in corners)})
    radius = BOX_HEIGHT / 2 if kind is StepKind.WAIT else _RADIUS
    return element("rect", {"class": "box", "width": BOX_WIDTH, "height": BOX_HEIGHT, "rx": radius})


def _tab(node: Node) -> str:
    width = BOX_WIDTH - 2 * _TAB_INSET
    return element(
        "g",
        {"class": f"tab {node.undo.kind}", "transform": f"translate(0 {BOX_HEIGHT})"},
        element("rect", {"x": _TAB_INSET, "width": width, "height": TAB_HEIGHT, "rx": 4}),
        text(_TAB_INSET + 8, 15, fitting(node.undo_text, width - 12, SMALL)),
    )
