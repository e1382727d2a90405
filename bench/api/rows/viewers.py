"""Viewers of one busy saga: the statements that all of them cost, and how late they hear what happens."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field
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
CONNECTED_SECONDS_MAX = 30.0
"""Time until every viewer has received something; the saga lasts longer."""


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
    there = scene.viewers.ask((scene.served.link, path, run.viewers, tokens, run.seconds))
    cpu = scene.served.cpu_seconds()
    together = _statements_per_second(scene.wire, run.seconds)
    percent = (scene.served.cpu_seconds() - cpu) / run.seconds * 100
    delays: list[float] = scene.viewers.receive()
    if there < run.viewers or len(delays) < run.viewers:
        raise NotMeasured(f"{there} of {run.viewers} viewers were connected, and received {len(delays)} lines")
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
    """The main coroutine of the process that looks: answers when all are connected, and after the time with the delay of each line."""
    line.say("ready")
    while (wanted := await line.receive()) is not None:
        link, path, viewers, tokens, seconds = wanted
        look = _Look(link, path, tokens, viewers)
        async with AsyncExitStack() as stack:
            tasks = [asyncio.create_task(look.view(number)) for number in range(viewers)]
            for task in tasks:
                stack.callback(task.cancel)
            with suppress(TimeoutError):
                async with asyncio.timeout(CONNECTED_SECONDS_MAX):
                    await look.is_complete.wait()
            look.delays.clear()
            line.say(len(look.connected))
            await asyncio.sleep(seconds)
        line.say(look.delays)


@dataclass(slots=True)
class _Look:
    """Viewers of one saga: those that have received something, and the delay of each line of its history that one has received."""

    link: str
    path: str
    tokens: Sequence[str]
    viewers: int
    connected: set[int] = field(default_factory=set)
    delays: list[float] = field(default_factory=list)
    is_complete: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTED_AT_ONCE))

    async def view(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {self.tokens[number % len(self.tokens)]}"} if self.tokens else {}
        async with AsyncExitStack() as stack:
            async with self.gate:
                http = await stack.enter_async_context(connected(self.link))
                events = http.events(self.path, headers)
                await anext(events)
            async for at, name, text in events:
                if name == "saga":
                    self.connected.add(number)
                    if len(self.connected) == self.viewers:
                        self.is_complete.set()
                elif name == "history" and number in self.connected:  # what happened before comes at once
                    self.delays.append(at - datetime.fromisoformat(json.loads(text)["at"]).timestamp())
