"""Old unfinished sagas: how fast finished sagas are purged which stand behind many that wait."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from uuid import UUID

import psycopg

import saga
from bench.environment.fleet import Fleet, fleet, migrate
from bench.environment.saga_copies import Db, copy_finished, copy_waiting
from bench.growth.row import Bound, Growth
from bench.instruments.number import number
from bench.measurement import Figures, NotMeasured, Setup
from bench.measurements.waiting import LEFT_SECONDS, one_that_waits
from bench.shop import external, failing
from bench.shop.order import order_of
from saga import loops

GROWTH = Growth(
    "old unfinished sagas",
    grows="waiting",
    points=(0, 100_000),
    bounds=(Bound("purged_per_second", 100_000, of=0, least=0.5),),
)

FINISHED = 50_000
FINISHED_AGE_SECONDS = 120.0
WAITING_AGE_SECONDS = 7_200.0
RETENTION = {"SAGA_RETENTION": "30s"}
WINDOW_SECONDS = 20.0
LEADING_SECONDS_MAX = 30.0
POLL_SECONDS = 0.25
LEADING_POLL_SECONDS = 0.01

LEADING = "select count(*) from saga.leader where holder is not null"
ENDED = "select count(*) from saga.saga where ended_at is not null"


def measure(setup: Setup, point: int) -> Figures:
    """Returns `purged_per_second`, from the moment at which the supervisor leads until all are purged, or until a window ends."""
    migrate(setup.url)
    with psycopg.connect(setup.url, autocommit=True) as connection:
        if point:
            waiting = loops.run(one_that_waits(setup.url, failing.five_steps(1)))
            copy_waiting(connection, waiting, point, age=WAITING_AGE_SECONDS, left=LEFT_SECONDS, base=time.time())
        finished = loops.run(one_that_ends(setup.url))
        copy_finished(connection, finished, FINISHED, age=FINISHED_AGE_SECONDS)
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
        with tempfile.TemporaryDirectory() as folder, fleet(Path(folder)) as services:
            return _window(setup.url, connection, services)


def _window(url: str, connection: Db, services: Fleet) -> Figures:
    services.start(url, "supervisor", environment=RETENTION)
    wait_until_leading(connection)
    began = time.monotonic()
    left, seconds = FINISHED, 0.0
    while left > 1 and seconds < WINDOW_SECONDS:  # the one that was copied is younger
        time.sleep(POLL_SECONDS)
        left, seconds = number(connection, ENDED), time.monotonic() - began
    return {"purged_per_second": (FINISHED + 1 - left) / seconds, "purged": FINISHED + 1 - left}


async def one_that_ends(url: str) -> UUID:
    """A saga of five steps that has completed."""
    async with saga.connect(store=url, name="template") as app, app.serve(*external.PARTICIPANTS):
        await app.register(external.completing)
        handle = await app.start(external.completing, order_of(0))
        await handle.result(60)
        return handle.id


def wait_until_leading(connection: Db) -> None:
    """Returns as soon as a supervisor leads."""
    give_up_at = time.monotonic() + LEADING_SECONDS_MAX
    while not number(connection, LEADING):
        if time.monotonic() > give_up_at:
            raise NotMeasured("the supervisor does not lead")
        time.sleep(LEADING_POLL_SECONDS)
