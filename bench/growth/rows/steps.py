"""Steps in a saga: bytes of history and processor time a step, of chains that run in one process."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import psycopg

from bench.environment.client import Window, serve_windows
from bench.environment.fleet import migrate
from bench.environment.own_process import child
from bench.growth.row import Bound, Growth
from bench.instruments import server_cost
from bench.instruments.number import number
from bench.measurement import Figures, Setup
from bench.shop.chain import chain

GROWTH = Growth(
    "steps in a saga",
    grows="steps",
    points=(5, 50, 500),
    bounds=(
        Bound("history_bytes_per_step", 500, of=5, most=1.2),
        Bound("cpu_us_per_step", 500, of=50, most=1.3),
        Bound("cpu_us_per_step", 5, of="old", most=1.1),
    ),
)

STEPS = 25_000
WARM_STEPS = 3_000
IN_FLIGHT = 20
READY_SECONDS_MAX = 60.0
SECONDS_MAX = 600.0  # the window ends by its count
HISTORY_BYTES = """
select coalesce(sum(pg_relation_size(i.inhrelid)), 0)::bigint from pg_inherits i where i.inhparent = 'saga.event'::regclass
"""


def measure(setup: Setup, point: int) -> Figures:
    """Returns `history_bytes_per_step` (without indexes) and `cpu_us_per_step` (client and server together)."""
    migrate(setup.url)
    with (
        tempfile.TemporaryDirectory() as folder,
        child(Path(folder) / "client.log", serve_windows, setup.url, partial(chain, point)) as client,
        psycopg.connect(setup.url, autocommit=True) as connection,
    ):
        client.receive(READY_SECONDS_MAX)
        client.ask(Window(IN_FLIGHT, SECONDS_MAX, max(IN_FLIGHT, WARM_STEPS // point)))
        bytes_before, before = number(connection, HISTORY_BYTES), server_cost.read(setup.url)
        tally = client.ask(Window(IN_FLIGHT, SECONDS_MAX, max(IN_FLIGHT, STEPS // point)))
        spent = server_cost.cost(before, server_cost.read(setup.url))
        history_bytes = number(connection, HISTORY_BYTES) - bytes_before
    figures = server_cost.figures(server_cost.Work(tally.sagas, point, tally.seconds, tally.cpu_seconds), spent)
    return {
        "history_bytes_per_step": history_bytes / (tally.sagas * point),
        "cpu_us_per_step": figures["client_cpu_us_per_step"] + figures["server_cpu_us_per_step"],
        "steps_per_second": tally.sagas * point / tally.seconds,
    }
