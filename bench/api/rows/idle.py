"""An idle API process beside the work: the hot rows of `make bench` with it and without it, in turn."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.api.row import Found, Run
from bench.api.served import start_api
from bench.environment.client import Shop, Tally, Window, serve_windows
from bench.environment.fleet import Fleet, fleet, migrate, participants_of
from bench.environment.own_process import Child, child
from bench.instruments import server_cost
from bench.measurements.throughput import IN_FLIGHT, MODULE
from bench.shop import external
from bench.shop.order import SERVICES
from saga import Definition, Participant

NAME = "idle"
COST_MOST = 1.03
RATE_LEAST = 0.97
WARM_SECONDS = 2.0
READY_SECONDS_MAX = 60.0
STEPS = 5


def measure(run: Run) -> Iterator[Found]:
    """Yields processor time a step, and sagas a second, each with an idle API process divided by the same without one."""
    for name, shop, participants in (
        ("one process", served_here, []),
        ("five processes", external.served_elsewhere, participants_of(MODULE, SERVICES)),
    ):
        yield from _row(run, name, shop, participants)


def served_here() -> tuple[Definition, list[Participant]]:
    """Five external steps, for a client that serves them itself."""
    return external.completing, list(external.PARTICIPANTS)


def _row(run: Run, name: str, shop: Shop, participants: list[str]) -> Iterator[Found]:
    url = run.server.fresh("idle")
    migrate(url)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        services = stack.enter_context(fleet(Path(folder)))
        for target in participants:
            services.start(url, "participant", target)
        services.wait_until_joined(url, len(participants))
        client = stack.enter_context(child(Path(folder) / "client.log", serve_windows, url, shop))
        client.receive(READY_SECONDS_MAX)
        client.ask(Window(IN_FLIGHT, WARM_SECONDS))
        costs, rates = list[float](), list[float]()
        for number in range(run.rounds):
            run.say(f"idle: {name}, round {number + 1} of {run.rounds}")
            sides = {is_beside: _window(run, url, services, client, is_beside=is_beside) for is_beside in _turn(number)}
            costs.append(sides[True][0] / sides[False][0])
            rates.append(sides[True][1] / sides[False][1])
    yield Found(f"{name}: processor time a step", costs, most=COST_MOST)
    yield Found(f"{name}: sagas a second", rates, least=RATE_LEAST)


def _turn(number: int) -> tuple[bool, bool]:
    """Alternates which side begins."""
    return (True, False) if number % 2 else (False, True)


def _window(run: Run, url: str, services: Fleet, client: Child, *, is_beside: bool) -> tuple[float, float]:
    """Runs a window. Returns its processor time a step, without that of the API process itself, and its sagas a second."""
    with tempfile.TemporaryDirectory() as folder, fleet(Path(folder)) as beside:
        if is_beside:
            start_api(beside, url)
        client.ask(Window(IN_FLIGHT, WARM_SECONDS / 4))
        before, cpu = server_cost.read(url), services.cpu_seconds()
        tally: Tally = client.ask(Window(IN_FLIGHT, run.seconds))
        spent = server_cost.cost(before, server_cost.read(url))
        seconds = tally.cpu_seconds + services.cpu_seconds() - cpu + spent.server_cpu_seconds
    return seconds / (tally.sagas * STEPS), tally.sagas / tally.seconds
