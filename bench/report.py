"""Turns rounds into rows: a table for people and a file for programs."""

from __future__ import annotations

import json
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
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine,
        "rows": [one.as_json() for one in verdicts],
        "jobs": {
            name: {side: {"rounds": found.rounds, **found.counts} for side, found in sides.items()}
            for name, sides in jobs.items()
        },
    }
    file.write_text(json.dumps(content, indent=2) + "\n")


def show(console: Console, verdicts: list[Verdict], jobs: dict[str, dict[str, Side]]) -> None:
    """Prints the promises, then the cost of a step on each side, then the reason why a figure is missing."""
    console.print(_promises(verdicts))
    costs = _costs(jobs)
    if costs.row_count:
        console.print(costs)
    for job, error in {one.row.job: one.error for one in verdicts if one.error}.items():
        console.print(f"[yellow]{job}[/]: {error}", highlight=False)
    for name, sides in jobs.items():
        shares = [side.median("strangers_share") or 0.0 for side in sides.values()]
        if max(shares) > STRANGERS_SHARE_MAX:
            console.print(f"[yellow]{name}[/]: others used {max(shares):.0%} of the machine meanwhile")


def _promises(verdicts: list[Verdict]) -> Table:
    table = Table(title="medians of all rounds", title_justify="left")
    for heading in ("what", "ours", "peer", "unit", "ratio", "must", "aim", "holds"):
        table.add_column(heading, justify="left" if heading in ("what", "unit") else "right")
    for one in verdicts:
        sign = "x" if one.row.bound == "ratio >=" else ""
        limits = ("-" if limit is None else f"{limit:g}{sign}" for limit in (one.row.must, one.row.aim))
        figures = (_text(one.ours), _text(one.peer), one.row.unit, _text(one.ratio))
        holds = "[red]no[/]" if not one.holds else "-" if one.row.must is None else "[green]yes[/]"
        table.add_row(one.row.name, *figures, *limits, holds)
    return table


def _costs(jobs: dict[str, dict[str, Side]]) -> Table:
    table = Table(title="what it costs", title_justify="left")
    for heading in ("job", "side", *(name.replace("_", " ") for name in (*COSTS, *COUNTED))):
        table.add_column(heading, justify="left" if heading in ("job", "side") else "right")
    for name, sides in jobs.items():
        for label, side in sides.items():
            figures = [side.median(cost) for cost in COSTS] + [side.counts.get(count) for count in COUNTED]
            if any(figure is not None for figure in figures):
                table.add_row(name, label, *map(_text, figures))
    return table


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
