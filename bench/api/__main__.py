"""`python -m bench.api`: measures each row, prints the figures with their bounds, writes build/api.json.

Exits 0 only if every bound is kept.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench import report
from bench.api.row import Found, Row, Run, all_rows
from bench.environment import machine
from bench.environment.server import durable_postgres
from bench.measurement import NotMeasured

FILE = Path("build/api.json")
COLUMNS = 150
SETTINGS = {"shared_preload_libraries": "pg_stat_statements"}


def main(arguments: Sequence[str] | None = None) -> int:
    rows = all_rows()
    options = _options(rows, arguments)
    console = Console(width=None if sys.stdout.isatty() else COLUMNS)
    found: list[tuple[Row, Found]] = []
    failed: dict[str, str] = {}
    with durable_postgres() as server, tempfile.TemporaryDirectory() as temporary:
        line = machine.describe(server)
        console.print(line, highlight=False, soft_wrap=True)
        for row in (row for row in rows if options.only in row.name):
            with console.status(row.name) as status:
                run = Run(
                    server,
                    Path(options.data or temporary),
                    options.sagas,
                    options.viewers,
                    options.rounds,
                    options.seconds,
                    status.update,
                )
                try:
                    for one in row.measure(run):
                        found.append((row, one))
                        console.print(
                            f"{row.name}: {one.what}: {report.text(median(one.values))} {one.note}", highlight=False
                        )
                except NotMeasured as reason:
                    failed[row.name] = str(reason)
            figures = [one.as_json(row.name) for row, one in found]
            report.write_json(FILE, {"machine": line, "sagas": options.sagas, "figures": figures, "failed": failed})
    console.print(_table(found))
    report.show_doubts(console, failed, {})
    return 0 if not failed and all(one.is_kept for _, one in found) else 1


def _table(found: Sequence[tuple[Row, Found]]) -> Table:
    headings = ("row", "figure", "median", "lowest", "highest", "must", "kept", "note")
    table = report.empty_table("medians of all rounds", headings, words=("row", "figure", "note"))
    for row, one in found:
        figures = (report.text(function(one.values)) for function in (median, min, max))
        kept = "-" if one.bound == "-" else report.yes_or_no(one.is_kept)
        table.add_row(row.name, one.what, *figures, one.bound, kept, one.note)
    return table


def _options(rows: Sequence[Row], arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.api", description="Measure what looking costs.")
    parser.add_argument("--sagas", type=int, default=6_000_000, help="in the large store, one in six of them live")
    parser.add_argument("--data", metavar="FOLDER", help="keep the filled stores here, and use those that are there")
    parser.add_argument("--viewers", type=int, default=500, help="of one saga")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of what is compared")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of a window")
    parser.add_argument(
        "--only", default="", metavar="ROW", help=f"contains this: {', '.join(row.name for row in rows)}"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
