"""Replicas of each service on the same cores, with few and with many sagas in flight."""

from __future__ import annotations

from bench.growth.replicas import installation
from bench.growth.row import Bound, Growth
from bench.measurement import Figures, Setup
from bench.shop import external

IN_FLIGHT = {"few": 64, "many": 1_000}
MODULE = external.__name__


def _bounds(load: str) -> tuple[Bound, ...]:
    return (
        Bound(f"{load}_sagas_per_second", 40, of=5, least=0.8),
        Bound(f"{load}_cpu_us_per_step", 40, of=5, most=1.3),
        Bound(f"{load}_sagas_per_second", 5, of="old", least=0.95),
    )


GROWTH = Growth(
    "replicas",
    grows="participants",
    points=(5, 40),
    bounds=(*_bounds("few"), *_bounds("many")),
)


def measure(setup: Setup, point: int) -> Figures:
    """Returns `sagas_per_second` and `cpu_us_per_step`, each with few and with many sagas in flight."""
    with installation(setup, point, MODULE, external.served_elsewhere) as running:
        windows = {load: running.window(count, setup.seconds) for load, count in IN_FLIGHT.items()}
    return {f"{load}_{figure}": value for load, window in windows.items() for figure, value in window.items()}
