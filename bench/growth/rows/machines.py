"""Participants on other machines: without the local socket, all notifications go through the database."""

from __future__ import annotations

from dataclasses import replace

from bench.growth.replicas import installation
from bench.growth.row import Bound, Growth
from bench.measurement import Figures, Setup
from bench.shop import external

GROWTH = Growth(
    "participants on other machines",
    grows="participants",
    points=(40,),
    bounds=(Bound("share_without_socket", 40, of=None, least=0.6),),
)

IN_FLIGHT = 64
MODULE = external.__name__
DATABASES = {"true": "bench_with_socket", "false": "bench_without_socket"}
"""The database of a window by the value of SAGA_LOCAL_SOCKET."""


def measure(setup: Setup, point: int) -> Figures:
    """Returns `share_without_socket`: sagas a second without the local socket, divided by those with it."""
    found = {setting: _window(setup, point, setting) for setting in DATABASES}
    return {
        "share_without_socket": found["false"]["sagas_per_second"] / found["true"]["sagas_per_second"],
        "server_cpu_us_per_step": found["false"]["server_cpu_us_per_step"],
    }


def _window(setup: Setup, point: int, setting: str) -> Figures:
    place = replace(setup, url=setup.server.fresh(DATABASES[setting]))
    settings = {"SAGA_LOCAL_SOCKET": setting}
    with installation(place, point, MODULE, external.served_elsewhere, settings) as running:
        return running.window(IN_FLIGHT, setup.seconds)
