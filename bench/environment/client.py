"""The process that starts sagas and waits for their ends, several at once; it can serve participants as well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeAlias

import saga
from bench.environment.own_process import Line
from bench.shop.order import order_of
from saga import loops

REGISTER_SECONDS_MAX = 30.0

# Makes, in the client's process, the definition and the participants that it serves.
Shop: TypeAlias = Callable[[], tuple[saga.Definition, Sequence[saga.Participant]]]


@dataclass(frozen=True, slots=True)
class Window:
    """A number of sagas in flight, for a time or until a number of sagas was started."""

    in_flight: int
    seconds: float
    count: int | None = None


@dataclass(slots=True)
class Tally:
    """The result of a window; times are of the machine-wide monotonic clock."""

    began: float = 0.0
    ended: float = 0.0
    cpu_seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    endings: dict[str, int] = field(default_factory=dict)

    @property
    def sagas(self) -> int:
        return len(self.latencies_ms)

    @property
    def seconds(self) -> float:
        return self.ended - self.began


async def serve_windows(line: Line, url: str, shop: Shop) -> None:
    """The main coroutine of a client process: runs the windows that it is sent, and answers each with a tally."""
    definition, participants = shop()
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(saga.connect(store=url, name="client"))
        if participants:
            await stack.enter_async_context(app.serve(*participants))
        await _registered(app, definition)
        loops.settle()
        line.say("ready")
        while (window := await line.receive()) is not None:
            line.say(await run_window(app, definition, window))


async def run_window(app: saga.App, definition: saga.Definition, window: Window) -> Tally:
    """Starts sagas and waits for each; a saga that ends is replaced by the next one."""
    tally = Tally(began=time.monotonic())
    cpu = time.process_time()
    until = tally.began + window.seconds
    numbers = iter(range(1, 1_000_000_000 if window.count is None else window.count + 1))

    async def customer() -> None:
        for number in numbers:
            asked = time.monotonic()
            if asked >= until:
                return
            handle = await app.start(definition, order_of(number))
            ending = await handle.result()
            tally.latencies_ms.append((time.monotonic() - asked) * 1000)
            tally.endings[ending.status] = tally.endings.get(ending.status, 0) + 1

    async with asyncio.TaskGroup() as customers:
        for _ in range(window.in_flight):
            customers.create_task(customer())
    tally.ended = time.monotonic()
    tally.cpu_seconds = time.process_time() - cpu
    return tally


async def _registered(app: saga.App, definition: saga.Definition) -> None:
    """Waits for the contracts, which the services publish in processes of their own."""
    give_up_at = time.monotonic() + REGISTER_SECONDS_MAX
    while True:
        try:
            await app.register(definition)
        except saga.DefinitionError:
            if time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.05)
        else:
            return
