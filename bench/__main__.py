"""`python -m bench`: runs the jobs, prints the table, writes the file.

Exits 0 only if every promise that was measured is kept.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext

from rich.console import Console

from bench import report, rounds
from bench.environment import machine
from bench.environment.buses import BUSES
from bench.environment.server import durable_postgres
from bench.jobs import BUS_JOBS, BUS_ROWS, JOBS, ROWS

ROUNDS_MIN = 3
COLUMNS = 150


def main() -> int:
    options = _options()
    # Not a terminal (a log of the CI): wide enough for the tables.
    console = Console(width=None if sys.stdout.isatty() else COLUMNS)
    table, promises = (BUS_JOBS[options.bus], BUS_ROWS[options.bus]) if options.bus else (JOBS, ROWS)
    jobs = [job for job in table if not options.only or any(part in job.name for part in options.only)]
    length = rounds.Options(options.rounds, options.seconds)
    with BUSES[options.bus]() if options.bus else nullcontext(), durable_postgres() as server:
        line = machine.describe(server)
        console.print(line, highlight=False, soft_wrap=True)
        with console.status("") as status:
            found = {job.name: rounds.run(job, server, length, status.update) for job in jobs}
    verdicts = [report.verdict(row, found[row.job]) for row in promises if row.job in found]
    report.write(line, verdicts, found)
    report.show(console, verdicts, found)
    if options.rounds < ROUNDS_MIN:
        console.print(f"[yellow]fewer than {ROUNDS_MIN} rounds: a rough figure, not evidence[/]")
    return 0 if all(one.holds for one in verdicts) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Saga beside DBOS Transact.")
    parser.add_argument("--rounds", type=int, default=ROUNDS_MIN, help="rounds of each side of each job")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of a window of throughput")
    parser.add_argument("--bus", choices=[*BUSES], help="measure the jobs over this bus instead")
    names = ", ".join(job.name for job in JOBS)
    parser.add_argument("--only", action="append", metavar="NAME", help=f"jobs whose name contains this: {names}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
