"""kill -9 of a busy participant: the time until a live peer of its service has done the first of its claims."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from uuid import UUID

import psycopg

from bench.environment.client import Tally, Window, serve_windows
from bench.environment.fleet import Fleet, fleet, migrate
from bench.environment.own_process import child
from bench.instruments import recorded_sagas
from bench.instruments.number import number
from bench.measurement import Figures, NotMeasured, Setup
from bench.measurements.throughput import READY_SECONDS_MAX, Made
from bench.shop import slow

REPETITIONS = 5
IN_FLIGHT = 64
WINDOW_SECONDS = 4.0
BEFORE_SECONDS = 1.5  # of load, before the kill
FROZEN_SECONDS = 0.05  # the statements that it had sent to the server end in this time
TAKE_OVER_SECONDS_MAX = 60.0
POLL_SECONDS = 0.003
TARGET = "bench.shop.slow:payments"

CLAIMS = """
select c.saga from saga.command c join saga.participant p on p.id = c.owner where p.name like '%%:' || %s
"""
DONE = "select count(*) from saga.step where saga = any (%s)"


def take_over(setup: Setup) -> Figures:
    """`take_over_seconds`, the median of several kills, and the worst of them."""
    migrate(setup.url)
    found: list[tuple[float, int]] = []
    sagas = 0
    with tempfile.TemporaryDirectory() as name, fleet(Path(name)) as services:
        victim = services.start(setup.url, "participant", TARGET)
        services.start(setup.url, "participant", TARGET)
        services.wait_until_joined(setup.url, 2)
        with child(Path(name) / "client.log", serve_windows, setup.url, _slow) as client:
            client.receive(READY_SECONDS_MAX)
            for _ in range(REPETITIONS):
                client.pipe.send(Window(IN_FLIGHT, WINDOW_SECONDS))
                time.sleep(BEFORE_SECONDS)
                found.append(_kill(setup.url, services, victim))
                tally: Tally = client.receive(WINDOW_SECONDS + TAKE_OVER_SECONDS_MAX)
                sagas += tally.sagas
                victim = services.start(setup.url, "participant", TARGET)
                services.wait_until_joined(setup.url, 2)
            recorded_sagas.verify(setup.url, sagas, recorded_sagas.Ending("D", "S", 1, "completed"))
    seconds = [one for one, _ in found]
    return {
        "take_over_seconds": median(seconds),
        "take_over_seconds_max": max(seconds),
        "claims_held_min": min(claims for _, claims in found),
    }


def _kill(url: str, services: Fleet, victim: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Returns the seconds from the kill to the first outcome of a claim that the victim held, and the number of these claims."""
    with psycopg.connect(url, autocommit=True) as connection:
        os.kill(victim.pid, signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        held: list[UUID] = [row[0] for row in connection.execute(CLAIMS, [str(victim.pid)]).fetchall()]
        began = time.monotonic()
        victim.kill()
        victim.wait()
        services.processes.remove(victim)
        if not held:
            raise NotMeasured("the victim held no claims")
        while number(connection, DONE, held) == 0:
            if time.monotonic() - began > TAKE_OVER_SECONDS_MAX:
                raise NotMeasured("no process took the claims over")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began, len(held)


def _slow() -> Made:
    return slow.order, ()
