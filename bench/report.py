"""Turns rounds into rows: a table for people and a file for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.jobs import Row
from bench.measurement import COSTS, COUNTED
from bench.rounds import Side

FILE = Path("build/bench.json")
# Above this share, other processes were busy: a throughput tells little, a ratio tells more.
STRANGERS_SHARE_MAX = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise with its figures."""

    row: Row
    ours: float | None
    peer: float | None
    error: str | None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.ours is not None and self.peer else None

    @property
    def holds(self) -> bool:
        return self.row.holds(self.ours, self.ratio)

    def as_json(self) -> dict[str, object]:
        found: dict[str, object] = {
            "name": self.row.name,
            "ours": self.ours,
            "peer": self.peer,
            "unit": self.row.unit,
            "ratio": self.ratio,
            "must": self.row.must,
            "aim": self.row.aim,
            "holds": self.holds,
            "bound": self.row.bound,
        }
        return found | ({"error": self.error} if self.error else {})


def verdict(row: Row, sides: dict[str, Side]) -> Verdict:
    """Compares the medians of the sides with the promise of the row."""
    ours, peer = sides["ours"], sides.get("peer", Side())
    return Verdict(row, ours.median(row.figure), peer.median(row.figure), ours.error or peer.error)


def write(machine: str, verdicts: list[Verdict], jobs: dict[str, dict[str, Side]], file: Path = FILE) -> None:
    """Writes the rows, and beside them every figure of every round."""
    write_json(file, {"machine": machine, "rows": [one.as_json() for one in verdicts], "jobs": as_json(jobs)})


def as_json(jobs: Mapping[str, Mapping[str, Side]]) -> dict[str, object]:
    """Returns every figure of every round."""
    return {
        name: {side: {"rounds": found.rounds, **found.counts} for side, found in sides.items()}
        for name, sides in jobs.items()
    }


def write_json(file: Path, content: object) -> None:
    """Writes a file for programs, in a folder that is made for it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2) + "\n")


def show(console: Console, verdicts: list[Verdict], jobs: dict[str, dict[str, Side]]) -> None:
    """Prints the promises, then the cost of a step on each side, then the reason why a figure is missing."""
    console.print(_promises(verdicts))
    costs = _costs(jobs)
    if costs.row_count:
        console.print(costs)
    show_doubts(console, {one.row.job: one.error for one in verdicts if one.error}, jobs)


def show_doubts(console: Console, errors: Mapping[str, str], jobs: Mapping[str, Mapping[str, Side]]) -> None:
    """Prints why figures are missing, and in which jobs other processes were busy."""
    for job, error in errors.items():
        console.print(f"[yellow]{job}[/]: {error}", highlight=False)
    for name, sides in jobs.items():
        shares = [side.median("strangers_share") or 0.0 for side in sides.values()]
        if max(shares) > STRANGERS_SHARE_MAX:
            console.print(f"[yellow]{name}[/]: others used {max(shares):.0%} of the machine meanwhile")


def _promises(verdicts: list[Verdict]) -> Table:
    headings = ("what", "ours", "peer", "unit", "ratio", "must", "aim", "holds")
    table = empty_table("medians of all rounds", headings, words=("what", "unit"))
    for one in verdicts:
        sign = "x" if one.row.bound == "ratio >=" else ""
        limits = ("-" if limit is None else f"{limit:g}{sign}" for limit in (one.row.must, one.row.aim))
        figures = (text(one.ours), text(one.peer), one.row.unit, text(one.ratio))
        is_shown_only = one.holds and one.row.must is None
        table.add_row(one.row.name, *figures, *limits, "-" if is_shown_only else yes_or_no(one.holds))
    return table


def _costs(jobs: dict[str, dict[str, Side]]) -> Table:
    costs = (name.replace("_", " ") for name in (*COSTS, *COUNTED))
    table = empty_table("what it costs", ("job", "side", *costs), words=("job", "side"))
    for name, sides in jobs.items():
        for label, side in sides.items():
            figures = [side.median(cost) for cost in COSTS] + [side.counts.get(count) for count in COUNTED]
            if any(figure is not None for figure in figures):
                table.add_row(name, label, *map(text, figures))
    return table


def empty_table(title: str, headings: Sequence[str], *, words: Sequence[str]) -> Table:
    """Makes a table with these columns; those of `words` are aligned to the left, figures to the right."""
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in words else "right")
    return table


def yes_or_no(holds: object) -> str:
    """A cell that tells whether a promise is kept."""
    return "[green]yes[/]" if holds else "[red]no[/]"


def text(value: float | None) -> str:
    """Shortens a figure to what a reader compares."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
