"""`python -m bench.scale`: very many waiting sagas, and an outage with very many in flight. Prints tables, writes build/scale.json."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import report
from bench.environment import machine
from bench.environment.server import read_back
from bench.measurement import Figures
from bench.measurements.outage import outage
from bench.measurements.waiting import parked, waiting
from saga_postgres.embedded.server import EmbeddedPostgres

FILE = Path("build/scale.json")
COLUMNS = 150
PARKED_FEW = 1_000  # beside which very many waits must cost nothing but their rows
COUNTING = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "1000"}


def main() -> int:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else COLUMNS)
    found: dict[str, Figures] = {}
    with EmbeddedPostgres(settings=COUNTING) as postgres:
        server = read_back(postgres.url)
        line = machine.describe(server)
        console.print(line, highlight=False, soft_wrap=True)
        if options.only in {None, "parked"}:
            for sagas in (PARKED_FEW, options.sagas):
                name = f"{sagas:,} sagas wait for an event"
                found[name] = parked(postgres, server.fresh(f"parked_{sagas}"), sagas, options.seconds)
                console.print(_table(name, found[name]))
                _write(line, options, found)
        if options.only in {None, "waiting"}:
            found["waiting"] = waiting(postgres, server.fresh("waiting"), options.sagas, options.seconds)
            console.print(_table(f"{options.sagas:,} sagas wait", found["waiting"]))
            _write(line, options, found)
        if options.only in {None, "outage"}:
            found["outage"] = outage(postgres, server.fresh("outage"), options.in_flight)
            console.print(_table(f"{options.in_flight:,} sagas in flight, an outage of ten minutes", found["outage"]))
            _write(line, options, found)
    return 0


def _write(line: str, options: argparse.Namespace, found: dict[str, Figures]) -> None:
    report.write_json(FILE, {"machine": line, "sagas": options.sagas, "in_flight": options.in_flight, **found})


def _table(title: str, figures: Figures) -> Table:
    table = report.empty_table(title, ("what", "figure"), words=("what",))
    for name, value in figures.items():
        table.add_row(name, f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}")
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description="Measure Saga with very many sagas.")
    parser.add_argument("--sagas", type=int, default=1_000_000, help="that wait")
    parser.add_argument("--in-flight", type=int, default=100_000, help="when the outage begins")
    parser.add_argument("--seconds", type=float, default=90.0, help="length of the window in which they wait")
    parser.add_argument("--only", choices=["parked", "waiting", "outage"], help="one of the three")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
