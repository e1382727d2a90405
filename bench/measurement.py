"""What a measurement is given and what it gives back: the words between the harness and both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bench.environment.server import Server

Figures: TypeAlias = Mapping[str, float]
"""What was found, by name. A job that runs sagas gives at least what `bench.instruments.server_cost.figures` does."""

COSTS = (
    "client_cpu_us_per_step",  # user and system time of the processes that run the sagas
    "server_cpu_us_per_step",  # the same of Postgres: backends, WAL writer, checkpointer, vacuum
    "table_bytes_per_saga",
    "wal_bytes_per_saga",
    "strangers_share",  # of the machine, used by neither of the two while it was measured
)
COUNTED = ("statements_per_step", "round_trips_per_step")


class NotMeasured(Exception):
    """There is no figure; the message says why. Never to be replaced by a guess."""


@dataclass(frozen=True, slots=True)
class Stand:
    """Where to run, and for how long: `seconds`, or exactly `count` sagas if that is given."""

    server: Server
    url: str  # an empty database, the proxy before it if the run is counted
    seconds: float
    count: int | None = None


Measure: TypeAlias = Callable[[Stand], Figures]
