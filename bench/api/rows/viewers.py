"""Viewers of one busy saga: the statements that all of them cost, and how late they hear what happens."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import saga
from bench.api.http import connected
from bench.api.row import Found, Run
from bench.api.served import Served, start_api
from bench.environment.fleet import fleet, migrate
from bench.environment.own_process import Child, Line, child
from bench.instruments.wire_proxy import Wire, counted
from bench.measurement import NotMeasured
from bench.peers.trial import percentile
from bench.shop.busy import busy
from bench.shop.order import order_of
from saga import loops
from saga.api.limits import STREAMS_OF_A_SENDER_MAX
from saga.ports.access.tokens import new_token

NAME = "viewers"
STATEMENTS_MOST = 4.0
DELAY_SECONDS_MOST = 1.0
READY_SECONDS_MAX = 60.0
CONNECTED_AT_ONCE = 50
SETTLE_SECONDS = 4.0
"""Until every viewer is there, and the process relies on what it has read of their tokens."""


def measure(run: Run) -> Iterator[Found]:
    """Yields statements a second of the viewers, all without a token and with a token for each ten, and p95 of the delay of a line."""
    url = run.server.fresh("viewers")
    migrate(url)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        services = stack.enter_context(fleet(Path(folder)))
        wire = stack.enter_context(counted(url))
        shop = stack.enter_context(child(Path(folder) / "shop.log", serve_busy, url))
        viewers = stack.enter_context(child(Path(folder) / "viewers.log", serve_viewers))
        for line in (shop, viewers):
            line.receive(READY_SECONDS_MAX)
        scene = _Scene(start_api(services, wire.url), wire, shop, viewers)
        for name in ("without a token", "ten for each token"):
            tokens = [] if name == "without a token" else _tokens(url, -(-run.viewers // STREAMS_OF_A_SENDER_MAX))
            yield from _found(run, name, scene, tokens)
        services.stop()  # before the proxy ends


@dataclass(frozen=True, slots=True)
class _Scene:
    """The API process with its connection to the store, the saga that is busy, and those who look at it."""

    served: Served
    wire: Wire
    shop: Child
    viewers: Child


def _found(run: Run, name: str, scene: _Scene, tokens: Sequence[str]) -> Iterator[Found]:
    """Counts the statements of the API process without a viewer and with all of them."""
    run.say(f"viewers: {run.viewers} {name}")
    alone = _statements_per_second(scene.wire, run.seconds)
    path = f"/v1/sagas/{scene.shop.ask('start')}/events"
    scene.viewers.ask((scene.served.link, path, run.viewers, tokens, SETTLE_SECONDS + run.seconds))
    time.sleep(SETTLE_SECONDS)
    cpu = scene.served.cpu_seconds()
    together = _statements_per_second(scene.wire, run.seconds)
    percent = (scene.served.cpu_seconds() - cpu) / run.seconds * 100
    delays: list[float] = scene.viewers.receive()
    if len(delays) < run.viewers:
        raise NotMeasured(f"{run.viewers} viewers received {len(delays)} lines")
    note = f"the process used {percent:.0f} % of a core; alone it has {alone:.1f} statements a second"
    yield Found(f"statements/s of {run.viewers}, {name}", [together - alone], most=STATEMENTS_MOST, note=note)
    note = f"{len(delays):,} lines received, p50 {percentile(delays, 0.5):.2f} s"
    yield Found(f"p95 until a line is there, s, {name}", [percentile(delays, 0.95)], most=DELAY_SECONDS_MOST, note=note)


def _statements_per_second(wire: Wire, seconds: float) -> float:
    before, began = wire.statements, time.monotonic()
    time.sleep(seconds)
    return (wire.statements - before) / (time.monotonic() - began)


def _tokens(url: str, number: int) -> list[str]:
    """Creates tokens of viewers; from then on every request needs one."""

    async def create() -> list[str]:
        async with saga.connect(store=url, name="tokens") as app:
            made = [new_token(f"viewer {n}", "viewer", "bench", None) for n in range(number)]
            for _, line in made:
                await app.process.adapter.tokens.add(line)
            return [text for text, _ in made]

    return loops.run(create())


async def serve_busy(line: Line, url: str) -> None:
    """The main coroutine of the process in which the busy saga runs: starts one whenever it is asked, and answers with its id."""
    definition, participants = busy()
    async with saga.connect(store=url, name="shop") as app, app.serve(*participants):
        await app.register(definition)
        line.say("ready")
        while await line.receive() is not None:
            line.say(str((await app.start(definition, order_of(1))).id))


async def serve_viewers(line: Line) -> None:
    """The main coroutine of the process that looks: answers at once, and when the time is up again with the delay of each line."""
    line.say("ready")
    while (wanted := await line.receive()) is not None:
        link, path, viewers, tokens, seconds = wanted
        line.say("connecting")
        line.say(await _look(link, path, viewers, tokens, seconds))


async def _look(link: str, path: str, viewers: int, tokens: Sequence[str], seconds: float) -> list[float]:
    delays, gate = list[float](), asyncio.Semaphore(CONNECTED_AT_ONCE)

    async def viewer(number: int) -> None:
        headers = {"Authorization": f"Bearer {tokens[number % len(tokens)]}"} if tokens else {}
        async with AsyncExitStack() as stack:
            async with gate:
                http = await stack.enter_async_context(connected(link))
            began = None
            async for at, name, text in http.events(path, headers):
                began = began or at
                if name == "history" and at > began + 1:  # what happened before it looked comes at once
                    delays.append(at - datetime.fromisoformat(json.loads(text)["at"]).timestamp())

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for number in range(viewers):
                group.create_task(viewer(number))
    return delays
