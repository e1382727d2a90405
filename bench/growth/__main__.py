"""`python -m bench.growth`: measures each row with the old and with the new build, prints the tables, writes build/growth.json.

Exits 0 only if the new build keeps every bound.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from bench import report, rounds
from bench.environment import machine
from bench.environment.server import durable_postgres
from bench.growth.builds import BEFORE, Build, builds
from bench.growth.comparison import Sides, Verdict, label, verdicts
from bench.growth.row import Row, all_rows
from bench.growth.side import measure_in
from bench.growth.tables import COLUMNS, show
from bench.measurement import Measure

FILE = Path("build/growth.json")


def main() -> int:
    rows = all_rows()
    options = _options(rows)
    console = Console(width=None if sys.stdout.isatty() else COLUMNS)
    length = rounds.Options(options.rounds, options.seconds)
    judged: list[Verdict] = []
    found: dict[str, Sides] = {}
    with builds(options.old) as both, durable_postgres() as server:
        line = machine.describe(server)
        console.print(line, highlight=False, soft_wrap=True)
        for row in (row for row in rows if options.only in row.growth.name):
            name = row.growth.name
            with console.status("") as status:
                found[name] = rounds.alternate(name, measures(row, both), server, length, status.update)
            judged += verdicts(row.growth, found[name])
            bounds = [one.as_json() for one in judged]
            report.write_json(
                FILE, {"machine": line, "old": options.old, "bounds": bounds, "rows": report.as_json(found)}
            )
    show(console, rows, judged, found)
    return 0 if all(one.is_kept for one in judged) else 1


def measures(row: Row, both: list[Build]) -> dict[str, Measure]:
    """The sides of a row, point by point, so that what is compared is measured close together."""
    return {label(build.name, point): measure_in(build, row, point) for point in row.growth.points for build in both}


def _options(rows: list[Row]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description="Compare an old build with this one.")
    parser.add_argument("--old", default=BEFORE, metavar="COMMIT", help="the old build (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each build at each point of each row")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a window of throughput")
    names = ", ".join(row.growth.name for row in rows)
    parser.add_argument("--only", default="", metavar="ROW", help=f"rows whose name contains this: {names}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
