"""Sagas a second, including their starts, until the client knows the end of each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bench.environment.client import Shop, Tally, Window, serve_windows
from bench.environment.fleet import Fleet, fleet, migrate, participants_of
from bench.environment.own_process import Child, child
from bench.instruments import recorded_sagas, server_cost
from bench.measurement import Figures, Setup
from bench.shop import external, inserting
from bench.shop.order import SERVICES
from saga import Definition, Participant

IN_FLIGHT = 1_000
WARM_SECONDS = 1.5
READY_SECONDS_MAX = 60.0
SECONDS_MAX = 600.0  # a window that ends by its count must still end if something hangs
MODULE = "bench.shop.external"

Made = tuple[Definition, Sequence[Participant]]


def one_process(setup: Setup) -> Figures:
    """Five external steps, one process, in-process handover, starts included."""
    return _in_one_process(setup, _external, 5, partial(recorded_sagas.verify, ending=recorded_sagas.COMPLETED))


def compensation(setup: Setup) -> Figures:
    """Three steps succeed, the fourth rejects, three compensations; `steps_per_saga` is 7."""
    return _in_one_process(setup, _rejected, 7, partial(recorded_sagas.verify, ending=recorded_sagas.ROLLED_BACK))


def transactional(setup: Setup) -> Figures:
    """Five transactional steps, one insert each."""
    with psycopg.connect(setup.url) as connection:
        connection.execute(inserting.EFFECT.encode())

    def verify(url: str, sagas: int) -> None:
        recorded_sagas.verify(url, sagas, recorded_sagas.COMPLETED)
        recorded_sagas.verify_effects(url, sagas * len(SERVICES))

    return _in_one_process(setup, partial(_inserting, [setup.url] * len(SERVICES)), 5, verify)


def journaled(setup: Setup) -> Figures:
    """Five journaled steps, one insert each, in service databases of their own."""
    databases = [_service_database(setup, service) for service in SERVICES]

    def verify(url: str, sagas: int) -> None:
        recorded_sagas.verify(url, sagas, recorded_sagas.COMPLETED)
        for database in databases:
            recorded_sagas.verify_effects(database, sagas)
            recorded_sagas.verify_effects(database, sagas, "saga_journal")

    return _in_one_process(setup, partial(_inserting, databases), 5, verify)


def five_processes(setup: Setup) -> Figures:
    """Five external steps, a process for each service and one for the client, Postgres bus."""
    with five_services(setup) as (services, client):
        before_cpu = 0.0

        def before() -> None:
            nonlocal before_cpu
            before_cpu = services.cpu_seconds()

        tally, spent, sagas = _measure(setup, client, before)
        cpu_seconds = tally.cpu_seconds + services.cpu_seconds() - before_cpu
        recorded_sagas.verify(setup.url, sagas, recorded_sagas.COMPLETED)
    return server_cost.figures(server_cost.Work(tally.sagas, 5, tally.seconds, cpu_seconds), spent)


@contextmanager
def five_services(setup: Setup) -> Iterator[tuple[Fleet, Child]]:
    """Five service processes of the command line, and a client that is ready."""
    migrate(setup.url)
    with tempfile.TemporaryDirectory() as name, fleet(Path(name)) as services:
        for target in participants_of(MODULE, SERVICES):
            services.start(setup.url, "participant", target)
        services.wait_until_joined(setup.url, len(SERVICES))
        with child(Path(name) / "client.log", serve_windows, setup.url, external.served_elsewhere) as client:
            client.receive(READY_SECONDS_MAX)
            yield services, client


def _in_one_process(setup: Setup, shop: Shop, steps_per_saga: int, verify: Callable[[str, int], None]) -> Figures:
    migrate(setup.url)
    with (
        tempfile.TemporaryDirectory() as name,
        child(Path(name) / "client.log", serve_windows, setup.url, shop) as client,
    ):
        client.receive(READY_SECONDS_MAX)
        tally, spent, sagas = _measure(setup, client)
        verify(setup.url, sagas)
    return server_cost.figures(server_cost.Work(tally.sagas, steps_per_saga, tally.seconds, tally.cpu_seconds), spent)


def _measure(
    setup: Setup, client: Child, before: Callable[[], None] = lambda: None
) -> tuple[Tally, server_cost.Cost, int]:
    """Warms up and runs the window; returns it, its cost on the server, and the number of all sagas that were run."""
    warm = Tally()
    window = Window(IN_FLIGHT, setup.seconds)
    if setup.count is None:
        warm = client.ask(Window(IN_FLIGHT, WARM_SECONDS))
    else:  # a run whose statements are counted begins at once
        window = Window(IN_FLIGHT, SECONDS_MAX, setup.count)
    reading = server_cost.read(setup.url)
    before()
    tally: Tally = client.ask(window)
    return tally, server_cost.cost(reading, server_cost.read(setup.url)), warm.sagas + tally.sagas


def _service_database(setup: Setup, service: str) -> str:
    """Makes a new database for this service, behind a proxy if the store is behind one."""
    name = f"bench_{service}"
    with psycopg.connect(setup.server.fresh(name)) as connection:
        connection.execute(inserting.EFFECT.encode())
    return urlsplit(setup.url)._replace(path=f"/{name}").geturl()


def _external() -> Made:
    return external.completing, external.PARTICIPANTS


def _rejected() -> Made:
    return external.rejected, external.PARTICIPANTS


def _inserting(databases: Sequence[str]) -> Made:
    return inserting.definition(), inserting.participants(databases)
