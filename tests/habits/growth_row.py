"""A row of `make bench-growth` that tells in which build it runs."""

from __future__ import annotations

from pathlib import Path

import saga
import saga_postgres
from bench.growth.row import Bound, Growth
from bench.measurement import Figures, NotMeasured, Setup

GROWTH = Growth("trees", grows="things", points=(1, 2), bounds=(Bound("point", 2, of=1, most=2),))


def measure(setup: Setup, point: int) -> Figures:
    """Returns whether each package comes from a folder called `old`; cannot measure the point 0."""
    if point == 0:
        raise NotMeasured("there is nothing at 0")
    files = [Path(str(module.__file__)) for module in (saga, saga_postgres)]
    return {"point": point, "seconds": setup.seconds, "old_packages": sum("old" in file.parts for file in files)}
