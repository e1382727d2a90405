"""Queued commands of three kinds, each until the next step of its saga is called: tried again, timers, and waits whose events are sent."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, get_args

import psycopg

import saga
from bench.environment.fleet import migrate
from bench.environment.own_process import Child, Line, child
from bench.instruments.number import number
from bench.measurement import Figures, NotMeasured, Setup
from bench.measurements.retries import DUE_IN_SECONDS, POLL_SECONDS, SECONDS_MAX, STARTS_AT_ONCE, until
from bench.shop import waits
from bench.shop.order import order_of
from bench.shop.waits import Kind
from saga import loops

AnswerT = TypeVar("AnswerT")

SAGAS = 20_000
PARKED = "select count(*) from saga.command where owner is null and due_at > now()"
FALL_DUE = """
with due as (
    update saga.command set due_at = to_timestamp(%s), until = case when until is not null then to_timestamp(%s) end returning 1
)
select count(*) from due
"""


def woken(setup: Setup) -> Figures:
    """The commands of each kind per second, and those of timers and waits as shares of those that are tried again.

    Retries and timers are due at one instant. The time of waits begins with the first send.
    """
    migrate(setup.url)
    with _desk(setup.url) as desk:
        pace = {kind: SAGAS / _seconds(setup.url, desk, kind) for kind in get_args(Kind)}
    return {
        **{f"{kind}_per_second": value for kind, value in pace.items()},
        "timer_share": pace["timer"] / pace["retry"],
        "wait_share": pace["wait"] / pace["retry"],
    }


def _seconds(url: str, desk: Child, kind: Kind) -> float:
    desk.ask(kind, SECONDS_MAX)
    with psycopg.connect(url, autocommit=True) as connection:
        until(lambda: number(connection, PARKED) == SAGAS, f"not every {kind} was parked")
        began = time.monotonic()
        if kind != "wait":
            began += DUE_IN_SECONDS
            number(connection, FALL_DUE, *[time.time() + DUE_IN_SECONDS] * 2)
        passed: list[float] = desk.ask("go", SECONDS_MAX)
        until(lambda: not number(connection, "select count(*) from saga.command"), "some sagas have not ended")
    if len(passed) != SAGAS or min(passed) < began:
        raise NotMeasured(f"{len(passed)} sagas of {SAGAS} went on, or one before its {kind} was due")
    return max(passed) - began


@contextmanager
def _desk(url: str) -> Iterator[Child]:
    with tempfile.TemporaryDirectory() as folder, child(Path(folder) / "desk.log", _serve, url) as desk:
        desk.receive(SECONDS_MAX)
        yield desk


async def _serve(line: Line, url: str) -> None:
    """The main coroutine: starts sagas of a kind; told to go, sends to those that wait, and reports when all have gone on."""
    async with saga.connect(store=url, name="desk") as app, app.serve(waits.desk):
        definitions: dict[Kind, saga.Definition] = {kind: waits.shipping(kind) for kind in get_args(Kind)}
        for definition in definitions.values():
            await app.register(definition)
        loops.settle()
        line.say("ready")
        while (kind := await line.receive()) is not None:
            handles = await _at_once([app.start(definitions[kind], order_of(n)) for n in range(SAGAS)])
            waits.passed.clear()
            line.say("started")
            await line.receive()
            if kind == "wait":
                await _at_once([handle.send(waits.EVENT, "yes") for handle in handles])
            while len(waits.passed) < SAGAS:  # noqa: ASYNC110 (the handler does nothing but note the time)
                await asyncio.sleep(POLL_SECONDS)
            line.say(waits.passed)


async def _at_once(calls: Sequence[Coroutine[None, None, AnswerT]]) -> list[AnswerT]:
    room = asyncio.Semaphore(STARTS_AT_ONCE)

    async def one(call: Coroutine[None, None, AnswerT]) -> AnswerT:
        async with room:
            return await call

    return await asyncio.gather(*map(one, calls))
