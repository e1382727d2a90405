"""The size of results: five steps in one process."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.environment.client import Tally, Window, serve_windows
from bench.environment.fleet import migrate
from bench.environment.own_process import child
from bench.environment.variables import variables
from bench.growth.row import Bound, Growth
from bench.instruments import server_cost
from bench.measurement import Figures, Setup
from bench.shop import bulky

GROWTH = Growth(
    "payload",
    grows="bytes",
    points=(5, 10_000, 100_000),
    bounds=(
        Bound("sagas_per_second", 5, of="old", least=0.95),
        Bound("sagas_per_second", 10_000, of="old", least=2.0),
        Bound("sagas_per_second", 100_000, of="old", least=4.0),
    ),
)

IN_FLIGHT = 100
WARM_SECONDS = 1.0
READY_SECONDS_MAX = 60.0
STEPS = 5


def measure(setup: Setup, point: int) -> Figures:
    """Returns `sagas_per_second`, `client_cpu_us_per_step` and `server_cpu_us_per_step`."""
    migrate(setup.url)
    with (
        variables({bulky.SIZE: str(point)}),
        tempfile.TemporaryDirectory() as folder,
        child(Path(folder) / "client.log", serve_windows, setup.url, bulky.served_here) as client,
    ):
        client.receive(READY_SECONDS_MAX)
        client.ask(Window(IN_FLIGHT, WARM_SECONDS))
        before = server_cost.read(setup.url)
        tally: Tally = client.ask(Window(IN_FLIGHT, setup.seconds))
        spent = server_cost.cost(before, server_cost.read(setup.url))
    return server_cost.figures(server_cost.Work(tally.sagas, STEPS, tally.seconds, tally.cpu_seconds), spent)
