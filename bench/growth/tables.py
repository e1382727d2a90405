"""The tables of a run: the bounds, and the figures behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from rich.console import Console
from rich.table import Table

from bench import report
from bench.growth.comparison import Sides, Verdict, label
from bench.growth.row import OLD, Growth, Row

COLUMNS = 150


def show(console: Console, rows: Sequence[Row], judged: Sequence[Verdict], found: Mapping[str, Sides]) -> None:
    """Prints the bounds, the figures, and the reason why a figure is missing."""
    console.print(_bounds(judged))
    console.print(_figures([row.growth for row in rows if row.growth.name in found], found))
    sides = {f"{name}, {side}": each for name, every in found.items() for side, each in every.items()}
    errors = {name: side.error for name, side in sides.items() if side.error}
    report.show_doubts(console, errors, {name: {"": side} for name, side in sides.items()})


def _bounds(judged: Sequence[Verdict]) -> Table:
    headings = ("row", "figure", "compared", "old", "new", "lowest", "highest", "must", "kept")
    table = report.empty_table("quotients, medians of all rounds", headings, words=("row", "figure", "compared"))
    for one in judged:
        old, new, lowest, highest = (
            report.text(function(values)) if values else "-"
            for function, values in ((median, one.old), (median, one.new), (min, one.new), (max, one.new))
        )
        words = (one.growth.name, _words(one.bound.figure), _compared(one))
        table.add_row(*words, old, new, lowest, highest, str(one.bound), report.yes_or_no(one.is_kept))
    return table


def _compared(one: Verdict) -> str:
    point = f"{one.bound.point:,} {one.growth.grows}"
    if one.bound.of is None:
        return point
    return f"{point}, new / old" if one.bound.of == OLD else f"{point} / {one.bound.of:,}"


def _figures(growths: Sequence[Growth], found: Mapping[str, Sides]) -> Table:
    table = report.empty_table(
        "figures, medians of all rounds", ("row", "at", "figure", "old", "new", "new / old"), words=("row", "figure")
    )
    for growth in growths:
        for point in growth.points:
            old, new = (found[growth.name][label(build, point)] for build in ("old", "new"))
            for figure in dict.fromkeys(name for side in (old, new) for one in side.rounds for name in one):
                before, now = old.median(figure), new.median(figure)
                ratio = now / before if now is not None and before else None
                cells = map(report.text, (before, now, ratio))
                table.add_row(growth.name, f"{point:,} {growth.grows}", _words(figure), *cells)
    return table


def _words(figure: str) -> str:
    return figure.replace("_", " ")
