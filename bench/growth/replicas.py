"""Several processes for each service, and a client beside them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.environment.client import Shop, Tally, Window, serve_windows
from bench.environment.fleet import Fleet, fleet, migrate, participants_of
from bench.environment.own_process import Child, child
from bench.environment.variables import variables
from bench.instruments import server_cost
from bench.measurement import Figures, Setup
from bench.shop.order import SERVICES

READY_SECONDS_MAX = 60.0
WARM_SECONDS = 2.0
STEPS = 5


@dataclass(frozen=True, slots=True)
class Installation:
    """The services, the client, and the store that they share."""

    url: str
    services: Fleet
    client: Child

    def window(self, in_flight: int, seconds: float) -> Figures:
        """Warms up, runs a window and returns its figures: `sagas_per_second`, `cpu_us_per_step` and its parts."""
        self.client.ask(Window(in_flight, WARM_SECONDS))
        before, cpu = server_cost.read(self.url), self.services.cpu_seconds()
        tally: Tally = self.client.ask(Window(in_flight, seconds))
        spent = server_cost.cost(before, server_cost.read(self.url))
        cpu_seconds = tally.cpu_seconds + self.services.cpu_seconds() - cpu
        found = server_cost.figures(server_cost.Work(tally.sagas, STEPS, tally.seconds, cpu_seconds), spent)
        client, server = found["client_cpu_us_per_step"], found["server_cpu_us_per_step"]
        return {
            "sagas_per_second": found["sagas_per_second"],
            "cpu_us_per_step": client + server,
            "server_cpu_us_per_step": server,
        }


@contextmanager
def installation(
    setup: Setup,
    participants: int,
    module: str,
    shop: Shop,
    environment: Mapping[str, str] | None = None,
    *,
    services: Sequence[str] = SERVICES,
) -> Iterator[Installation]:
    """Starts this many processes, as many for each of the services. `environment`: of all of them, and of the client."""
    migrate(setup.url)
    with (
        variables(environment or {}),
        tempfile.TemporaryDirectory() as folder,
        fleet(Path(folder)) as processes,
    ):
        for target in participants_of(module, services) * (participants // len(services)):
            processes.start(setup.url, "participant", target)
        processes.wait_until_joined(setup.url, participants)
        with child(Path(folder) / "client.log", serve_windows, setup.url, shop) as client:
            client.receive(READY_SECONDS_MAX)
            yield Installation(setup.url, processes, client)
