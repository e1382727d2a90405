"""`python -m bench.growth.side MODULE POINT SETUP`: runs one measure in the build that this process imports.

Prints the figures as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from functools import partial

from bench import rounds
from bench.environment.server import Server
from bench.growth.builds import Build
from bench.growth.row import Row, row_of
from bench.measurement import Figures, Measure, NotMeasured, Setup


def measure_in(build: Build, row: Row, point: int) -> Measure:
    """Returns the measure of a row at a point, as it runs in a process of this build."""
    return partial(_measured, build, row, point)


def _measured(build: Build, row: Row, point: int, setup: Setup) -> Figures:
    arguments = ["bench.growth.side", row.module, str(point), json.dumps(asdict(setup))]
    return rounds.script(f"the {build.name} build", arguments, build.environment)


def main(module: str, point: str, setup: str) -> None:
    """Runs the measure."""
    values = json.loads(setup)
    try:
        figures = row_of(module).measure(Setup(**{**values, "server": Server(**values["server"])}), int(point))
    except NotMeasured as reason:
        sys.exit(str(reason))
    print(json.dumps(dict(figures)))


if __name__ == "__main__":
    main(*sys.argv[1:])
