"""Sagas that wait for their second attempt: the bytes of each, and the time until all have retried when all are due at one moment."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

import saga
from bench.environment.fleet import migrate
from bench.environment.own_process import Child, Line, child
from bench.instruments import recorded_sagas, server_cost
from bench.instruments.number import number
from bench.measurement import Figures, NotMeasured, Setup
from bench.shop import failing
from bench.shop.order import order_of
from saga import loops

PARKED_FIRST = 1_000  # fill the first pages
PARKED = 4_000
RETRIES = 20_000
DUE_IN_SECONDS = 2.0
SECONDS_MAX = 300.0
STARTS_AT_ONCE = 500
POLL_SECONDS = 0.05

WAITING = "select count(*) from saga.command where owner is null and due_at > now()"
FALL_DUE = """
with due as (update saga.command set due_at = to_timestamp(%s) returning 1) select count(*) from due
"""
WAIT_BYTES = "select pg_total_relation_size('saga.saga') + pg_total_relation_size('saga.command')"
RETRIED = recorded_sagas.Ending("D", "S", 1, "completed")


def parked(setup: Setup) -> Figures:
    """Returns `kilobytes` (of 1,000 bytes) of a saga of five steps, tables and indexes included.

    One figure is for a saga whose first step waits, one for a saga whose third step waits, with two results and their history. The third
    one is for a saga that waits for an event: its row and that of its command, without its history and room for other versions.
    """
    first, third = (_parked_bytes(setup, partial(failing.five_steps, position)) for position in (0, 2))
    return {
        "parked_kilobytes": first / 1000,
        "parked_at_third_step_kilobytes": third / 1000,
        "parked_wait_kilobytes": _parked_bytes(setup, failing.five_steps_and_a_wait, WAIT_BYTES) / 1000,
    }


def retries(setup: Setup) -> Figures:
    """`dispatched_per_second` of retries that are all due at one instant, until the last one's handler is called."""
    migrate(setup.url)
    with _parking(setup, failing.one_step) as service:
        service.ask(RETRIES, SECONDS_MAX)
        _until_waiting(setup.url, RETRIES)
        due_at = time.time() + DUE_IN_SECONDS
        due_at_monotonic = time.monotonic() + DUE_IN_SECONDS
        with psycopg.connect(setup.url, autocommit=True) as connection:
            if number(connection, FALL_DUE, due_at) != RETRIES:
                raise NotMeasured("not every saga was waiting")
        calls: list[float] = service.ask("second attempts", SECONDS_MAX)
        until(lambda: _count(setup.url, "select count(*) from saga.command") == 0, "some retries have no outcome")
        recorded_sagas.verify(setup.url, RETRIES, RETRIED)
    if len(calls) != RETRIES or min(calls) < due_at_monotonic:
        raise NotMeasured(f"{len(calls)} second attempts of {RETRIES}, or one before it was due")
    return {"dispatched_per_second": RETRIES / (max(calls) - due_at_monotonic)}


def _parked_bytes(setup: Setup, definition: Callable[[], saga.Definition], query: str = server_cost.BYTES) -> float:
    url = setup.server.fresh(setup.url.rpartition("/")[2])
    migrate(url)
    with _parking(Setup(setup.server, url, setup.seconds), definition) as service:
        service.ask(PARKED_FIRST, SECONDS_MAX)
        before = _bytes(url, PARKED_FIRST, query)
        service.ask(PARKED, SECONDS_MAX)
        return (_bytes(url, PARKED_FIRST + PARKED, query) - before) / PARKED


def _bytes(url: str, waiting: int, query: str) -> int:
    _until_waiting(url, waiting)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "vacuum (full, analyze) saga.saga, saga.command" if query == WAIT_BYTES else "vacuum analyze"
        )
        return number(connection, query)


def _until_waiting(url: str, sagas: int) -> None:
    until(lambda: _count(url, WAITING) == sagas, "not every saga got to where it waits")


def until(is_true: Callable[[], bool], otherwise: str) -> None:
    """Returns when it is true. Raises NotMeasured with the other words if that takes too long."""
    give_up_at = time.monotonic() + SECONDS_MAX
    while not is_true():
        if time.monotonic() > give_up_at:
            raise NotMeasured(otherwise)
        time.sleep(POLL_SECONDS)


def _count(url: str, query: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        return number(connection, query)


@contextmanager
def _parking(setup: Setup, definition: Callable[[], saga.Definition]) -> Iterator[Child]:
    """A process that serves the failing steps and starts sagas."""
    with (
        tempfile.TemporaryDirectory() as folder,
        child(Path(folder) / "service.log", _serve, setup.url, definition) as service,
    ):
        service.receive(SECONDS_MAX)
        yield service


async def _serve(line: Line, url: str, made: Callable[[], saga.Definition]) -> None:
    """The main coroutine: starts as many sagas as it is told, or reports the second attempts when all have been made."""
    definition = made()
    async with saga.connect(store=url, name="service") as app, app.serve(failing.inventory):
        await app.register(definition)
        loops.settle()
        line.say("ready")
        started = 0
        while (wish := await line.receive()) is not None:
            if isinstance(wish, int):
                await _start(app, definition, wish)
                started += wish
                line.say(wish)
                continue
            while len(failing.second_attempts) < started:  # noqa: ASYNC110 (the handler does nothing but note the time)
                await asyncio.sleep(POLL_SECONDS)
            line.say(failing.second_attempts)


async def _start(app: saga.App, definition: saga.Definition, sagas: int) -> None:
    for first in range(0, sagas, STARTS_AT_ONCE):
        async with asyncio.TaskGroup() as starts:
            for n in range(first, min(first + STARTS_AT_ONCE, sagas)):
                starts.create_task(app.start(definition, order_of(n)))
