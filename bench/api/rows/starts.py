"""Starts over REST beside starts by the Python client, each from a process of its own on the same store."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import saga
from bench.api.http import Http, connected
from bench.api.row import Found, Run
from bench.api.served import api
from bench.environment.fleet import migrate
from bench.environment.own_process import Child, Line, child
from bench.measurement import NotMeasured
from bench.shop import external
from bench.shop.order import order_of
from saga import loops

NAME = "starts"
SHARE_LEAST = 0.5
IN_FLIGHT = (1, 64, 256)
READY_SECONDS_MAX = 60.0
WARM_SECONDS = 1.0
HTTP_CREATED = 201

Start: TypeAlias = Callable[[int], Awaitable[object]]


def measure(run: Run) -> Iterator[Found]:
    """Yields starts a second over REST, divided by those of the Python client; one at a time, and many at once."""
    url = run.server.fresh("starts")
    migrate(url)
    loops.run(_registered(url))
    with (
        tempfile.TemporaryDirectory() as folder,
        api(url) as served,
        child(Path(folder) / "rest.log", serve_rest, served.link) as rest,
        child(Path(folder) / "client.log", serve_client, url) as client,
    ):
        for line in (rest, client):
            line.receive(READY_SECONDS_MAX)
        for in_flight in IN_FLIGHT:
            for line in (rest, client):
                line.ask((in_flight, WARM_SECONDS))
            cpu, shares, rates = served.cpu_seconds(), list[float](), list[tuple[float, float]]()
            for number in range(run.rounds):
                run.say(f"starts: {in_flight} at once, round {number + 1} of {run.rounds}")
                rates.append(_pair(rest, client, in_flight, run.seconds, is_rest_first=number % 2 == 0))
                shares.append(rates[-1][0] / rates[-1][1])
            sent = sum(rate for rate, _ in rates) * run.seconds
            note = (
                f"{sent / run.rounds / run.seconds:,.0f}/s, client {sum(rate for _, rate in rates) / run.rounds:,.0f}/s; "
                f"{(served.cpu_seconds() - cpu) / sent * 1e6:,.0f} us of the API process each"
            )
            yield Found(f"REST / client, {in_flight} at once", shares, least=SHARE_LEAST, note=note)


def _pair(rest: Child, client: Child, in_flight: int, seconds: float, *, is_rest_first: bool) -> tuple[float, float]:
    """Runs a window of each. Returns starts a second: over REST, and by the client."""
    sides = (rest, client) if is_rest_first else (client, rest)
    first, second = [float(side.ask((in_flight, seconds))) for side in sides]
    return (first, second) if is_rest_first else (second, first)


async def _registered(url: str) -> None:
    """Registers the definition. Nobody serves its steps after that: starts are all that happens."""
    async with saga.connect(store=url, name="shop") as app, app.serve(*external.PARTICIPANTS):
        await app.register(external.completing)


async def serve_client(line: Line, url: str) -> None:
    """The main coroutine of a process that starts sagas by the Python client."""
    async with saga.connect(store=url, name="client") as app:
        name = external.completing.name

        @asynccontextmanager
        async def ways(in_flight: int) -> AsyncIterator[list[Start]]:
            yield [lambda number: app.start(name, order_of(number).model_dump())] * in_flight

        await _serve(line, ways)


async def serve_rest(line: Line, link: str) -> None:
    """The main coroutine of a process that starts sagas over REST, with a connection for each start that is under way."""

    @asynccontextmanager
    async def ways(in_flight: int) -> AsyncIterator[list[Start]]:
        async with AsyncExitStack() as stack:
            yield [_starting(await stack.enter_async_context(connected(link))) for _ in range(in_flight)]

    await _serve(line, ways)


def _starting(http: Http) -> Start:
    async def start(number: int) -> None:
        document = {"definition": external.completing.name, "input": order_of(number).model_dump()}
        answer = await http.post("/v1/sagas", document)
        if answer.status != HTTP_CREATED:
            raise NotMeasured(f"a start is answered with {answer.status}: {answer.body[:200]!r}")

    return start


async def _serve(line: Line, ways: Callable[[int], AbstractAsyncContextManager[list[Start]]]) -> None:
    """Answers each window, which is a number of starts under way and a time, with starts a second."""
    loops.settle()
    line.say("ready")
    while (window := await line.receive()) is not None:
        in_flight, seconds = window
        async with ways(in_flight) as starts:
            began = time.monotonic()
            counts = await asyncio.gather(*(_repeat(start, began + seconds) for start in starts))
            line.say(sum(counts) / (time.monotonic() - began))


async def _repeat(start: Start, until: float) -> int:
    done = 0
    while time.monotonic() < until:
        await start(done)
        done += 1
    return done
