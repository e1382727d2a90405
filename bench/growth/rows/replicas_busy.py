"""Replicas of each service on the same cores, with 1,000 sagas in flight."""

from __future__ import annotations

from bench.growth.replicas import installation
from bench.growth.row import Bound, Growth
from bench.measurement import Figures, Setup
from bench.shop import external

GROWTH = Growth(
    "replicas, 1,000 in flight",
    grows="participants",
    points=(5, 40),
    bounds=(
        Bound("sagas_per_second", 40, of=5, least=0.8),
        Bound("cpu_us_per_step", 40, of=5, most=1.3),
        Bound("sagas_per_second", 5, of="old", least=0.95),
    ),
)

IN_FLIGHT = 1_000
MODULE = external.__name__


def measure(setup: Setup, point: int) -> Figures:
    """Returns `sagas_per_second` and `cpu_us_per_step`."""
    with installation(setup, point, MODULE, external.served_elsewhere) as running:
        return running.window(IN_FLIGHT, setup.seconds)
