"""The arguments and the result of a measurement: the interface between the harness and both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bench.environment.server import Server

Figures: TypeAlias = Mapping[str, float]
"""Figures by name. A job that runs sagas has at least those of `bench.instruments.server_cost.figures`."""

COSTS = (
    "client_cpu_us_per_step",  # user and system time of the processes that run the sagas
    "server_cpu_us_per_step",  # the same of Postgres: backends, WAL writer, checkpointer, vacuum
    "table_bytes_per_saga",
    "wal_bytes_per_saga",
    "strangers_share",  # of the machine, used by neither of the two during the measurement
)
COUNTED = ("statements_per_step", "round_trips_per_step")


class NotMeasured(Exception):
    """The figure could not be measured; the message says why. No guess takes its place."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The place and the length of a measurement: `seconds`, or exactly `count` sagas if that is given."""

    server: Server
    url: str  # an empty database, or the proxy before it if the run is counted
    seconds: float
    count: int | None = None


Measure: TypeAlias = Callable[[Setup], Figures]
