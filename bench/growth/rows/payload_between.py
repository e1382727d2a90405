"""The size of results that go from process to process: five services, a process each."""

from __future__ import annotations

from bench.growth.replicas import installation
from bench.growth.row import Bound, Growth
from bench.measurement import Figures, Setup
from bench.shop import bulky
from bench.shop.order import SERVICES

GROWTH = Growth(
    "payload between processes",
    grows="bytes",
    points=(100, 2_000),
    bounds=(
        Bound("sagas_per_second", 2_000, of=100, least=0.85),
        Bound("sagas_per_second", 100, of="old", least=0.95),
    ),
)

IN_FLIGHT = 64
MODULE = bulky.__name__


def measure(setup: Setup, point: int) -> Figures:
    """Returns `sagas_per_second` and `cpu_us_per_step`."""
    settings = {bulky.SIZE: str(point)}
    with installation(setup, len(SERVICES), MODULE, bulky.served_elsewhere, settings) as running:
        return running.window(IN_FLIGHT, setup.seconds)
