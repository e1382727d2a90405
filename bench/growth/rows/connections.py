"""Sessions of PostgreSQL that a participant of external steps has, busy and idle."""

from __future__ import annotations

import threading
import time

import psycopg

from bench.growth.replicas import Installation, installation
from bench.growth.row import Bound, Growth
from bench.instruments.number import number
from bench.measurement import Figures, Setup
from bench.shop import external

GROWTH = Growth(
    "connections",
    grows="participants",
    points=(5, 20),
    bounds=(
        Bound("busy_sessions", 20, of=None, most=2.5),
        Bound("idle_sessions", 20, of=None, most=1.5),
    ),
)

IN_FLIGHT = 500
REST_SECONDS = 20.0
"""A pool has closed by then what it does not need."""
MODULE = external.__name__
SESSIONS = """
select count(*) from pg_stat_activity
where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
"""


def measure(setup: Setup, point: int) -> Figures:
    """Returns `busy_sessions` in the middle of a window and `idle_sessions` after a rest, each for one participant."""
    with (
        installation(setup, point, MODULE, external.served_elsewhere) as running,
        psycopg.connect(setup.url, autocommit=True) as connection,
    ):
        window = threading.Thread(target=running.window, args=(IN_FLIGHT, setup.seconds))
        window.start()
        time.sleep(setup.seconds / 2 + 2)
        busy = _sessions(connection, running)
        window.join()
        time.sleep(REST_SECONDS)
        return {"busy_sessions": busy / point, "idle_sessions": _sessions(connection, running) / point}


def _sessions(connection: psycopg.Connection[tuple[object, ...]], running: Installation) -> float:
    """Those of the participants: a client has sessions, too, and is counted as one more participant."""
    participants = len(running.services.processes)
    return number(connection, SESSIONS) * participants / (participants + 1)
